#!/usr/bin/env bash
# Finds the images of a version and believes in those alone that our release workflow signed for this very tag.
# Prints a line `image sha256:…` for each: what is deployed is named by digest, so that nobody can change it on the way.
#
# REGISTRY (ghcr.io/owner), REPOSITORY (owner/name), VERSION (1.2.3); needs docker with buildx, jq, cosign.
set -euo pipefail

for image in gateway auth inference job-worker outcrop; do
  found=$(docker buildx imagetools inspect "$REGISTRY/$image:$VERSION" --format '{{json .Manifest}}')
  digest=$(jq -er .digest <<<"$found")
  cosign verify "$REGISTRY/$image@$digest" \
    --certificate-oidc-issuer https://token.actions.githubusercontent.com \
    --certificate-identity "https://github.com/$REPOSITORY/.github/workflows/release.yml@refs/tags/v$VERSION" >/dev/null
  echo "$image $digest"
done
