#!/usr/bin/env bash
# Packs the libraries for NuGet, with symbols, as they are built for this machine (README, "Where libtorch comes from").
#
#   scripts/pack.sh FOLDER [--no-build] [VERSION]
#
# Into FOLDER come TransformerTorch, .Text, .Text.MicrosoftML, .AI and .Server; with the provider `system` also .TorchSharp, which holds
# the native library. NuGet keeps a version it has once seen: after a change, pack under another. --no-build takes what is built.
set -euo pipefail
source "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/lib/common.sh"
source "$root/scripts/lib/build.sh"
usage() { sed -n '4s/^# *//p' "${BASH_SOURCE[0]}" >&2; exit 2; }
(($# > 0)) && [[ $1 != -* ]] || usage
out=$(realpath -m "$1") options=(); shift
while (($#)); do
  case $1 in
    --no-build) options+=(--no-build --no-restore) ;;
    [0-9]*) options+=("-p:Version=$1") ;;
    *) usage ;;
  esac
  shift
done

"$root/scripts/setup.sh" --quiet
cd "$root"
for project in src/*/*.csproj; do # those that are no libraries say so themselves, and nothing comes of them
  dotnet pack "$project" -c Release -o "$out" -nodeReuse:false -p:UseSharedCompilation=false --tl:off -v:quiet --nologo "${options[@]}"
done
ls "$out"/*.nupkg >&2
