#!/usr/bin/env bash
# Refuses a release with a migration that crates/migrations.lock does not have, as it is, with this version or one before it:
# `released-migrations.sh 1.2.3`. What is missing there could be edited after databases ran it, and no later release could
# take away what it brought. `cargo xtask migrations --release 1.2.3` writes the file.
set -euo pipefail
cd "$(dirname "$0")/../.."

version=$1
for file in crates/*/migrations/*.sql; do
  digest=$(sha256sum "$file" | cut -d ' ' -f 1)
  released=$(awk -v path="${file#crates/}" -v digest="$digest" '$1 == path && $3 == digest { print $2 }' crates/migrations.lock)
  [[ -n $released ]] || { echo "$file is not in crates/migrations.lock, or not as it is: cargo xtask migrations --release $version" >&2; exit 1; }
  last=$(printf '%s\n' "$released" "$version" | sort -V | tail -n 1)
  [[ $last == "$version" ]] || { echo "$file is released with $released, which comes after $version" >&2; exit 1; }
done
