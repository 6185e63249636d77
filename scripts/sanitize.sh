#!/usr/bin/env bash
# The native tests under AddressSanitizer and UndefinedBehaviorSanitizer: every read and write outside a tensor's memory, every
# undefined shift or conversion ends a test. Some minutes; built beside the usual library, which it leaves alone.
#
#   scripts/sanitize.sh [CASES]      random cases of each test, for each instruction set (default 10)
set -euo pipefail
source "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/lib/common.sh"
source "$root/scripts/lib/build.sh"

"$root/scripts/setup.sh" --quiet
read_setup
[[ -n $bridge ]] || die "there is no native library here to test"
folder=$state/native-sanitized tests=(operators_test heads_test attention_test)
configured=$(dirname "$bridge")/CMakeCache.txt
mapfile -t options < <(sed -n 's/^\(TT_[A-Z_]*\|CMAKE_BUILD_TYPE\):[A-Z]*=/-D\1=/p' "$configured" | grep -v TT_SANITIZE)
step "configuring" "the native library cannot be configured" cmake -S "$root/src/native" -B "$folder" "${options[@]}" -DTT_SANITIZE=ON
step "building" "the native library does not build" cmake --build "$folder" --parallel "$(nproc)" --target "${tests[@]}"

# Tensors come from malloc, where the sanitizer stands; libtorch's own singletons are never freed.
export TT_ALLOCATOR=system ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=print_stacktrace=1
for test in "${tests[@]}"; do echo "== $test"; "$folder/tests/$test" "${1:-10}"; done
echo "nothing read or written outside, nothing undefined"
