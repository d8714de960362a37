#!/usr/bin/env bash
# The version that a tag releases, if the workspace and the chart carry the same one: `release-version.sh v1.2.3` prints 1.2.3.
set -euo pipefail
cd "$(dirname "$0")/../.."

tag=$1
[[ $tag =~ ^v[0-9]+\.[0-9]+\.[0-9]+$ ]] || { echo "the tag $tag is no version such as v1.2.3" >&2; exit 1; }
version=${tag#v}

same() {
  [[ $2 == "$version" ]] || { echo "$1 is of version $2, and the tag says $version" >&2; exit 1; }
}
same Cargo.toml "$(sed -n '/^\[workspace\.package\]/,/^\[/s/^version = "\(.*\)"$/\1/p' Cargo.toml)"
same "the chart" "$(sed -n 's/^version: //p' helm/outcrop/Chart.yaml)"
same "what the chart installs" "$(sed -n 's/^appVersion: "\{0,1\}\([^"]*\)"\{0,1\}$/\1/p' helm/outcrop/Chart.yaml)"
echo "$version"
