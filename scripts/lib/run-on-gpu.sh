#!/usr/bin/env bash
# On a GPU machine, in the unpacked bundle: builds the native library against Python's torch, then does PART after PART, all where none is
# named. What each prints goes to $OUT/PART.txt (results/ without OUT), and the last lines say which failed.
#
#   ./run-on-gpu.sh [PART...]      LIBTORCH names a torch folder other than python3's; TT_DEVICE=cpu runs on the CPU, in small
#
# more/ may hold models with the reference's answers (more/*/io.safetensors or more/models/*/io.safetensors) and peer_torch.py.
set -euo pipefail
source "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/scripts/lib/common.sh"
for part in libtorch debian bridge; do source "$root/scripts/lib/$part.sh"; done
parts=(doctor tests native verify operators attention gpt2 bert decode models resume fp16 waits serve peer)
for part; do [[ " ${parts[*]} " == *" $part "* ]] || { echo "no part $part: ${parts[*]}" >&2; exit 2; }; done
(($#)) || set -- "${parts[@]}"
mkdir -p "$state"; : >"$log"

device=${TT_DEVICE:-cuda} out=${OUT:-$root/results} bin=$root/artifacts/system/bin
libtorch=${LIBTORCH:-$(python3 -c 'import os, torch; print(os.path.dirname(torch.__file__))')}
ensure_tools
find_libtorch
build_bridge
export TT_NATIVE=$bridge TT_TEST_DEVICE=$device DOTNET_ROOT=$root/dotnet PATH=$root/dotnet:$PATH TT_LAUNCHER=tt
mkdir -p "$out"

gpt2=(--batch 32 --length 1024) bert=(--batch 512 --length 128) attention=(--batch 16 --length 2048) clients=(1 16 64)
if [[ $device == cpu ]]; then
  gpt2=(--batch 1 --length 128) bert=(--batch 2 --length 128) attention=(--batch 1 --length 256) clients=(1 2)
fi
dtypes=(fp32 bf16) workloads=(train-gpt2-10m train-gpt2-124m train-bert-110m train-t5-60m embed-bert-110m prefill-gpt2-124m)

tt() { dotnet "$bin/TransformerTorch.Cli/release/tt.dll" "$@"; }
bench() { local dtype; for dtype in "${dtypes[@]}"; do tt bench "$@" --dtype "$dtype" --device "$device" --json || return; done; }
references() { find "$root/more" "$root/tests/fixtures/models" -name io.safetensors -printf '%h\n' | sort; }

doctor() { tt doctor; tt doctor --json; }
tests() {
  local project status=0
  for project in TorchSharp.Tests TransformerTorch.Tests; do
    # The set-up's and the house's own rules, and what needs the SDK, were checked where the bundle was made.
    dotnet exec "$root/dotnet/vstest/vstest.console.dll" "$bin/$project/release/$project.dll" \
      --TestCaseFilter:"FullyQualifiedName!~.Rules.&FullyQualifiedName!~ShippedConfig" --logger:"console;verbosity=minimal" || status=1
  done
  return $status
}
native() {
  local source name on cases status=0
  for source in "$root"/tests/native/*.cpp; do
    name=$(basename "$source" .cpp) on=cpu
    [[ $name != operators_test ]] || on=$device
    cases=; [[ $name != *_device_test ]] || cases=400   # many more than where a GPU is emulated
    { cmake --build "$(dirname "$bridge")" --target "$name" && TT_TEST_DEVICE=$on "$(dirname "$bridge")/tests/$name" $cases &&
      echo "$name on $on: passed"; } || { echo "$name on $on: FAILED"; status=1; }
  done
  return $status
}
verify() {
  local attention status=0
  for attention in fused sdpa math; do
    echo "== $attention"
    # shellcheck disable=SC2046  # a list of folders
    tt verify $(references) --device "$device" --attention $attention || status=1
  done
  return $status
}
operators() { bench operators matmul adamw; }
attention() { dtypes=(bf16) bench attention "${attention[@]}"; bench attention; }
gpt2() { bench train-gpt2-124m "${gpt2[@]}"; }
bert() { bench embed-bert-110m "${bert[@]}"; }
decode() { bench decode-gpt2-124m-b1 decode-gpt2-124m-b8; [[ $device == cpu ]] || bench decode-llama-1b; }
models() { bench "${workloads[@]}"; }
serve() { local n; for n in "${clients[@]}"; do dtypes=(bf16) bench serve --batch "$n" || return; done; }

# train FOLDER STEPS DEVICE [OPTION...]: a small run on this project's own pages
train() {
  local folder=$1 steps=$2 on=$3; shift 3
  cat >"$out/small.yaml" <<YAML
output_dir: $folder
device: $on
data:
  source: text
  files: ["$root/docs/*.md", "$root/README.md"]
  sequence_len: 128
  val_set_size: 0
  dataset_prepared_path: "$out/prepared"
tokenizer: { train: { model: bpe, vocab_size: 512 } }
model: { model_type: gpt2, n_layer: 2, n_embd: 128, n_head: 2, n_positions: 128, resid_pdrop: 0.0, embd_pdrop: 0.0, attn_pdrop: 0.0 }
max_steps: 20
logging_steps: 1
save_steps: 10
eval_steps: 0
learning_rate: 1e-3
YAML
  tt train "$out/small.yaml" --set max_steps=$steps "$@"
}
losses() { sed -n 's/.*"step":\([0-9]*\),.*"loss":\([0-9.e-]*\).*/\1 \2/p' "$1/metrics.jsonl" | sort -n | uniq; }
resume() { # a run goes on where another device left it, as if nothing had been
  local from to status=0
  for from in cpu "$device"; do
    to=$([[ $from == cpu ]] && echo "$device" || echo cpu)
    rm -rf "$out"/{whole,broken}
    train "$out/whole" 20 "$from"
    cp -r "$out/whole" "$out/broken"; rm -rf "$out/broken/checkpoints/step-20"
    train "$out/broken" 20 "$to" --resume
    echo "== 20 steps on $from, against the last 10 of them on $to: step, loss, loss"
    join <(losses "$out/whole" | sort) <(losses "$out/broken" | sort) | sort -n | tail -n 10 |
      awk '{ print; d = ($2 - $3) / $2; if (d < 0) d = -d; if (d > 2e-3) bad = 1 } END { exit bad || NR < 10 }' || status=1
  done
  rm -rf "$out"/{whole,broken,prepared}
  return $status
}
fp16() {
  local status=0
  { train "$out/half" 60 "$device" --set fp16=true && losses "$out/half" | tail -n 3; } || status=1
  rm -rf "$out/half"
  return $status
}
waits() { # a step waits for the device once; steps are recorded, and what that changes is rounding
  local graphs status=0
  for graphs in true false; do
    TT_FORBID_WAITS=1 train "$out/graphs-$graphs" 20 "$device" --set bf16=true --set cuda_graphs=$graphs --verbose || status=1
    losses "$out/graphs-$graphs" | tail -n 2
  done
  rm -rf "$out"/graphs-*
  return $status
}

peer() {
  [[ -f $root/more/peer_torch.py ]] || { echo "more/peer_torch.py is not there"; return; }
  local compiled=() compile
  [[ $device == cpu ]] || compiled=(--compile)
  cd "$root/more"
  for compile in "" "${compiled[@]}"; do
    for dtype in "${dtypes[@]}"; do
      python3 peer_torch.py "${workloads[@]}" --dtype "$dtype" --device "$device" $compile || return
      python3 - train-gpt2-124m "$dtype" "$device" "$compile" "${gpt2[1]}" "${gpt2[3]}" <<'PYTHON' || return
import argparse, sys, peer_torch
name, dtype, device, compile, batch, length = sys.argv[1:]
peer_torch.WORKLOADS[name].update(batch=int(batch), length=int(length))
peer_torch.run(name, argparse.Namespace(dtype=dtype, device=device, compile=bool(compile), steps=5, threads=0))
PYTHON
    done
  done
}

failed=()
for part; do
  start=$SECONDS
  ("$part") >"$out/$part.txt" 2>&1 </dev/null && verdict=ok || { verdict=FAILED; failed+=("$part"); }
  tail -n 3 "$out/$part.txt" | cut -c 1-160
  echo "== $part: $verdict, $((SECONDS - start)) s ($out/$part.txt)"
done
((${#failed[@]} == 0)) || { echo "failed: ${failed[*]}"; exit 1; }
