#!/usr/bin/env bash
# Brings a version to a cluster that has the release already; its settings stay, only versions change.
#
#   deploy-helm.sh before   prints the revision that is deployed; frees a release that a deployment before left locked
#   deploy-helm.sh canary   the new images beside the present ones, with WEIGHT of a hundred requests
#   deploy-helm.sh all      everything is the new version, and there is no canary
#   deploy-helm.sh back     as it was in REVISION, and no canary; with STATUS=cancelled nobody waits until that is through
#
# CHART (oci://…/outcrop), VERSION (1.2.3), DIGESTS (a file of verify-images.sh), WEIGHT; RELEASE and NAMESPACE are `outcrop` if not said.
# PROMETHEUS: who looks on in the place of CloudWatch's alarms (watch-alarms.sh).
# The chart brings the database up to date before anything else (a hook); each version bears the next one's tables.
set -euo pipefail

release=${RELEASE:-outcrop}
at=(--namespace "${NAMESPACE:-outcrop}")
# Thirty replicas with volumes of their own go one after the other, about a minute each.
wait=(--wait --timeout 60m)
upgrade=(helm upgrade "$release" "${CHART:-}" "${at[@]}" --reset-then-reuse-values)
# Whatever does not become ready is undone by Helm itself.
careful=(--atomic --timeout 60m)

digests() {
  while read -r image digest; do
    printf '%s\n' --set-string "$1.digests.$image=$digest"
  done <"$DIGESTS"
}

deployed() {
  helm history "$release" "${at[@]}" --output json | jq -er '[.[] | select(.status == "deployed") | .revision] | last'
}

chart_version() {
  helm get metadata "$release" "${at[@]}" --output json | jq -er .version
}

case $1 in
  before)
    if [[ -z ${PROMETHEUS:-} ]]; then
      emf=$(helm get values "$release" "${at[@]}" --all --output json | jq -r '.metrics.emf // "off"')
      [[ $emf != off ]] || {
        echo "metrics.emf of the release is off: CloudWatch's alarms would see nothing. Set it, or name a PROMETHEUS" >&2
        exit 1
      }
    fi
    # Nobody else deploys now: what is pending was killed half way.
    last=$(helm history "$release" "${at[@]}" --output json | jq -er 'last.status')
    [[ $last != pending-* ]] || helm rollback "$release" "$(deployed)" "${at[@]}" >&2
    deployed
    ;;
  all)
    mapfile -t named < <(digests image)
    "${upgrade[@]}" "${careful[@]}" --version "$VERSION" --set canary.enabled=false --set-string "image.tag=$VERSION" "${named[@]}"
    ;;
  canary)
    mapfile -t named < <(digests canary)
    # By the chart that is there: another one's templates and settings would reach the present images, on all requests.
    "${upgrade[@]}" "${careful[@]}" --version "$(chart_version)" --set canary.enabled=true \
      --set-string "canary.tag=$VERSION" --set "canary.weight=$WEIGHT" "${named[@]}"
    ;;
  back)
    # A cancelled run has five minutes left: enough to say what is to be, not to see it through.
    [[ ${STATUS:-} != cancelled ]] || wait=()
    helm rollback "$release" "$REVISION" "${at[@]}" "${wait[@]}"
    if [[ $(helm get values "$release" "${at[@]}" --all --output json | jq -r .canary.enabled) == true ]]; then
      "${upgrade[@]}" "${wait[@]}" --version "$(chart_version)" --set canary.enabled=false
    fi
    ;;
  *)
    echo "what is $1? before, canary, all or back" >&2
    exit 1
    ;;
esac
