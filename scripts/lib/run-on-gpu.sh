#!/usr/bin/env bash
# On a GPU machine, in the unpacked bundle: builds the native library against Python's torch, runs the tests and the benchmarks on CUDA.
#
#   ./run-on-gpu.sh [WORKLOAD...]      LIBTORCH names a torch folder other than python3's; TT_DEVICE=cpu runs on the CPU
set -euo pipefail
source "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/scripts/lib/common.sh"
for part in libtorch debian bridge; do source "$root/scripts/lib/$part.sh"; done
mkdir -p "$state"; : >"$log"

device=${TT_DEVICE:-cuda}
libtorch=${LIBTORCH:-$(python3 -c 'import os, torch; print(os.path.dirname(torch.__file__))')}
ensure_tools
find_libtorch
build_bridge
export TT_NATIVE=$bridge TT_TEST_DEVICE=$device DOTNET_ROOT=$root/dotnet PATH=$root/dotnet:$PATH
bin=$root/artifacts/system/bin

dotnet "$bin/TransformerTorch.Cli/release/tt.dll" doctor
status=0
for source in "$root"/tests/native/*_device_test.cpp; do   # many more cases than where a GPU is emulated
  test=$(basename "$source" .cpp)
  cmake --build "$(dirname "$bridge")" --target "$test" && "$(dirname "$bridge")/tests/$test" 400 || status=1
done
for project in TorchSharp.Tests TransformerTorch.Tests; do
  # The set-up's and the house's own rules were checked where the bundle was made.
  dotnet exec "$root/dotnet/vstest/vstest.console.dll" "$bin/$project/release/$project.dll" \
    --TestCaseFilter:"FullyQualifiedName!~.Rules." --logger:"console;verbosity=minimal" || status=1
done
for workload in "${@:-train-gpt2-10m}"; do
  for dtype in fp32 bf16; do
    dotnet "$bin/TransformerTorch.Cli/release/tt.dll" bench "$workload" --dtype $dtype --device "$device" --json || status=1
  done
done
exit $status
