#!/usr/bin/env bash
# Packs what a GPU machine with PyTorch, g++, nvcc and CMake needs when it has neither .NET nor a network: this checkout, its Release
# build, and a .NET runtime. There: unpack, then ./run-on-gpu.sh
#
#   scripts/bundle.sh OUT.tar.gz
set -euo pipefail
source "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/lib/common.sh"
source "$root/scripts/lib/build.sh"
(($# == 1)) || { sed -n '5s/^# *//p' "${BASH_SOURCE[0]}" >&2; exit 2; }
out=$(realpath -m "$1")

TT_PROVIDER=system "$root/scripts/setup.sh" --quiet
read_setup
build_if_changed tests TransformerTorch.sln "$root/tests"

stage=$state/bundle.$$; trap 'rm -rf "$stage"' EXIT
mkdir -p "$stage/dotnet/shared/Microsoft.NETCore.App"
(cd "$root" && git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents -t "$stage")
# Without what a GPU machine does not run: set-up's tests, tokenizers' tests, and the benchmarks, whose tools weigh as much as all else.
(cd "$root" && find artifacts/system/bin -path '*/release/*' -type f -not -name 'libtransformertorch.so' -not -name '*.pdb' \
  -not -path '*Benchmarks/*' -not -path '*EndToEnd/*' -not -path '*Text.Tests/*' -print0 |
  xargs -0 cp --parents -t "$stage")

dotnet=$(dirname "$(readlink -f "$(command -v dotnet)")")
newest() { printf '%s\n' "$@" | sort -V | tail -n 1; }
cp -r "$dotnet/dotnet" "$dotnet/host" "$stage/dotnet/"
cp -r "$(newest "$dotnet"/shared/Microsoft.NETCore.App/10.*)" "$stage/dotnet/shared/Microsoft.NETCore.App/"
# The test runner alone of the SDK
sdk=$(newest "$dotnet"/sdk/10.*); mkdir "$stage/dotnet/vstest"
(cd "$sdk" && cp -r vstest.console* testhost* Microsoft.TestPlatform* Microsoft.VisualStudio.TestPlatform* Extensions \
  Newtonsoft.Json.dll NuGet.Frameworks.dll "$stage/dotnet/vstest/")
cp "$root/scripts/lib/run-on-gpu.sh" "$stage/run-on-gpu.sh"; chmod +x "$stage/run-on-gpu.sh"

mkdir -p "$(dirname "$out")"
tar -C "$stage" -czf "$out.new" . && mv "$out.new" "$out"
say "$out: $(du -m "$out" | cut -f 1) MiB"
