#!/usr/bin/env bash
# Watches the alarms whose names begin with ALARM_PREFIX for so many minutes (0: looks once), and ends unsuccessfully as soon as
# one of them fires. Without any alarm of the name it fails too: then nobody would be watching.
#
#   ALARM_PREFIX=Outcrop-prod- watch-alarms.sh 15
set -euo pipefail

minutes=$1
pause=${PAUSE_SECONDS:-30}

names() {
  aws cloudwatch describe-alarms --alarm-name-prefix "$ALARM_PREFIX" --alarm-types MetricAlarm CompositeAlarm "$@" \
    --query '[MetricAlarms, CompositeAlarms][].AlarmName' --output text
}

[[ -n $(names) ]] || { echo "there are no alarms $ALARM_PREFIX*" >&2; exit 1; }
end=$((SECONDS + minutes * 60))
while :; do
  firing=$(names --state-value ALARM)
  [[ -z $firing ]] || { echo "firing: $firing" >&2; exit 1; }
  ((SECONDS < end)) || break
  sleep "$pause"
done
echo "quiet for $minutes minutes: $ALARM_PREFIX*"
