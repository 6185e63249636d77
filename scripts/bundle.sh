#!/usr/bin/env bash
# Packs what a GPU machine with PyTorch, g++, nvcc and CMake needs when it has neither .NET nor a network: this checkout, its Release
# build, and a .NET runtime. There: unpack, then ./run-on-gpu.sh
#
#   scripts/bundle.sh OUT.tar.xz [MORE...]     MORE: files and folders to go beside, such as reference models and peer_torch.py
#
# OUT.tar.gz where there is no xz: a third larger.
set -euo pipefail
source "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/lib/common.sh"
source "$root/scripts/lib/build.sh"
(($# >= 1)) || { sed -n '5s/^# *//p' "${BASH_SOURCE[0]}" >&2; exit 2; }
out=$(realpath -m "$1"); shift

"$root/scripts/setup.sh" --quiet
read_setup
if [[ $provider != system ]]; then # for the bundle alone: the next command sets up again what was chosen
  choices=$(<"$state/choices")
  TT_PROVIDER=system "$root/scripts/setup.sh" --quiet
  write "$state/choices" <<<"$choices"
  read_setup
fi
build_if_changed tests TransformerTorch.sln "$root/tests"

stage=$state/bundle.$$; trap 'rm -rf "$stage"' EXIT
mkdir -p "$stage"/{more,dotnet/shared,dotnet/vstest}
(cd "$root" && git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents -t "$stage")
for project in TransformerTorch.Cli TransformerTorch.Tests TorchSharp.Tests; do
  (cd "$root" && find "artifacts/system/bin/$project/release" -type f -not -name libtransformertorch.so -not -name '*.pdb' \
    -not -name 'T*.xml' -print0 | xargs -0 cp --parents -t "$stage")
done
for more; do cp -rL "$more" "$stage/more/"; done

dotnet=$(dirname "$(readlink -f "$(command -v dotnet)")")
newest() { printf '%s\n' "$@" | sort -V | tail -n 1; }
cp -r "$dotnet/dotnet" "$dotnet/host" "$stage/dotnet/"
for framework in Microsoft.NETCore.App Microsoft.AspNetCore.App; do
  (cd "$dotnet" && cp -r --parents "$(newest shared/$framework/10.*)" "$stage/dotnet/")
done
# The test runner alone of the SDK
(cd "$(newest "$dotnet"/sdk/10.*)" && cp -r vstest.console* testhost* Microsoft.TestPlatform* Microsoft.VisualStudio.TestPlatform* \
  Extensions Newtonsoft.Json.dll NuGet.Frameworks.dll "$stage/dotnet/vstest/")
cp "$root/scripts/lib/run-on-gpu.sh" "$stage/run-on-gpu.sh"; chmod +x "$stage/run-on-gpu.sh"

mkdir -p "$(dirname "$out")"
pack=(gzip -9); [[ $out != *.xz ]] || pack=(xz -6 -T0)
tar -C "$stage" -cf - . | "${pack[@]}" >"$out.new" && mv "$out.new" "$out"
say "$out: $(du -m "$out" | cut -f 1) MiB"
