#!/usr/bin/env bash
# Watches for so many minutes (0: looks once), and ends unsuccessfully as soon as something fires. If there is nothing that could fire
# it fails too: then nobody would be watching.
#
#   ALARM_PREFIX=Outcrop-prod- watch-alarms.sh 15                     CloudWatch's alarms of that name
#   PROMETHEUS=monitoring/prometheus-operated:9090 watch-alarms.sh 15     the rules of deploy/observability/prometheus, by the cluster's
#                                                                     Prometheus (namespace/service:port): all that it scrapes is meant
set -euo pipefail

minutes=$1
pause=${PAUSE_SECONDS:-30}

if [[ -n ${PROMETHEUS:-} ]]; then
  watched="the alerts of $PROMETHEUS"
  rules() {
    kubectl get --raw "/api/v1/namespaces/${PROMETHEUS%%/*}/services/${PROMETHEUS#*/}/proxy/api/v1/rules?type=alert" |
      jq -r "[.data.groups[] | select(.name == \"outcrop\") | .rules[] | select($1) | .name] | join(\" \")"
  }
  all() { rules true; }
  fire() { rules '.state == "firing"'; }
else
  watched="the alarms $ALARM_PREFIX*"
  all() {
    aws cloudwatch describe-alarms --alarm-name-prefix "$ALARM_PREFIX" --alarm-types MetricAlarm CompositeAlarm "$@" \
      --query '[MetricAlarms, CompositeAlarms][].AlarmName' --output text
  }
  fire() { all --state-value ALARM; }
fi

there=$(all)
[[ -n $there ]] || { echo "there are no alarms: $watched" >&2; exit 1; }
end=$((SECONDS + minutes * 60))
while :; do
  firing=$(fire)
  [[ -z $firing ]] || { echo "firing: $firing" >&2; exit 1; }
  ((SECONDS < end)) || break
  sleep "$pause"
done
echo "quiet for $minutes minutes: $watched"
