# Builds the native library (src/native) against the libtorch that was found. Its tools are asked for first: before anything is fetched.

missing_tools() {
  local missing=()
  command -v "${CXX:-g++}" >/dev/null || missing+=(g++)
  command -v cmake >/dev/null || missing+=(cmake)
  command -v ninja >/dev/null || command -v make >/dev/null || missing+=(ninja-build)
  echo "${missing[@]}"
}

can_install() { ((EUID == 0)) && command -v apt-get >/dev/null; }

ensure_tools() { # installed where that is allowed, else named with the command to run
  local missing
  missing=$(missing_tools)
  [[ -n $missing ]] || return 0
  command -v apt-get >/dev/null || die "needed and not found: $missing; install them with this system's package manager"
  ((EUID == 0)) || die "needed and not found: $missing; run: sudo apt-get install $missing"
  # shellcheck disable=SC2086  # a list of packages
  step "installing $missing" "could not install them; run: apt-get update && apt-get install $missing" install_tools $missing
}
install_tools() {
  export DEBIAN_FRONTEND=noninteractive
  apt-get -q -y -o DPkg::Lock::Timeout=120 install --no-install-recommends "$@" ||
    { apt-get -q update && apt-get -q -y -o DPkg::Lock::Timeout=120 install --no-install-recommends "$@"; }
}

# build_bridge: sets `bridge`, the built library.
build_bridge() {
  local folder options
  folder=$state/native-$(echo "$torch_include $torch_lib $torch_rpath $device" | hash_of)
  bridge=$folder/libtransformertorch.so
  options=(-DCMAKE_BUILD_TYPE=Release -DTT_TORCH_INCLUDE="$torch_include" -DTT_TORCH_LIB="$torch_lib" -DTT_RPATH="$torch_rpath"
           -DTT_LOADER="$torch_loader")
  if command -v ninja >/dev/null; then options+=(-G Ninja); fi
  [[ $device == cpu ]] || options+=(-DTT_CUDA=ON)
  step "building the native library against $torch_from" "the native library does not build" compile_bridge "$folder" "${options[@]}"
}
compile_bridge() {
  set -euo pipefail
  local folder=$1; shift
  # A cache that an interrupted or older configuration left is begun anew rather than trusted.
  cmake -S "$root/src/native" -B "$folder" "$@" || { rm -rf "$folder"; cmake -S "$root/src/native" -B "$folder" "$@"; }
  cmake --build "$folder" --target transformertorch --parallel "$(nproc)"
}
