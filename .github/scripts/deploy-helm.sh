#!/usr/bin/env bash
# Brings a version to a cluster that has the release already; its settings stay, only versions change.
#
#   deploy-helm.sh canary   the new version beside the present one, with WEIGHT of a hundred requests
#   deploy-helm.sh all      everything is the new version, and there is no canary
#   deploy-helm.sh back     as it was before, and no canary
#
# CHART (oci://…/outcrop), VERSION (1.2.3), DIGESTS (a file of verify-images.sh), WEIGHT; RELEASE and NAMESPACE are `outcrop` if not said.
# The chart brings the database up to date before anything else (a hook); each version bears the next one's tables.
set -euo pipefail

release=${RELEASE:-outcrop}
at=(--namespace "${NAMESPACE:-outcrop}")
# Whatever does not become ready is undone by Helm itself. A drain takes up to 40 s a pod.
upgrade=(helm upgrade "$release" "$CHART" "${at[@]}" --reset-then-reuse-values --atomic --timeout 20m)

digests() {
  while read -r image digest; do
    printf '%s\n' --set-string "$1.digests.$image=$digest"
  done <"$DIGESTS"
}

case $1 in
  all)
    mapfile -t named < <(digests image)
    "${upgrade[@]}" --version "$VERSION" --set canary.enabled=false --set-string "image.tag=$VERSION" "${named[@]}"
    ;;
  canary)
    # Without a tag of its own the release has that of its chart, which is about to be another.
    present=$(helm get values "$release" "${at[@]}" --all --output json | jq -r '.image.tag // ""')
    present=${present:-$(helm get metadata "$release" "${at[@]}" --output json | jq -er .appVersion)}
    mapfile -t named < <(digests canary)
    "${upgrade[@]}" --version "$VERSION" --set-string "image.tag=$present" --set canary.enabled=true \
      --set-string "canary.tag=$VERSION" --set "canary.weight=$WEIGHT" "${named[@]}"
    ;;
  back)
    helm rollback "$release" "${at[@]}" --wait --timeout 20m
    before=$(helm get metadata "$release" "${at[@]}" --output json | jq -er .version)
    "${upgrade[@]}" --version "$before" --set canary.enabled=false
    ;;
  *)
    echo "what is $1? canary, all or back" >&2
    exit 1
    ;;
esac
