#!/usr/bin/env bash
# Writes signatures.txt: what the drop-in's public API has in common with the real TorchSharp's. No native library is needed.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for provider in system package; do
  TT_SIGNATURES=$work/$provider dotnet test "$here" -nodeReuse:false -v q -p:TorchProvider=$provider \
    --filter Signatures_are_written_where_asked
  LC_ALL=C sort -o "$work/$provider" "$work/$provider"
done
LC_ALL=C comm -12 "$work/system" "$work/package" >"$here/signatures.txt"
LC_ALL=C comm -23 "$work/system" "$work/package" >"$work/extra"
[[ ! -s $work/extra ]] || { echo "only the drop-in has:" >&2; cat "$work/extra" >&2; exit 1; }
