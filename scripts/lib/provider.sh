# Which TorchSharp: NuGet's (package), or our drop-in over this machine's libtorch (system).

torchsharp_version() { package_version TorchSharp; }

# pick_provider REQUESTED: sets `provider`, `package_loads` and `reason`.
pick_provider() {
  local folder library missing
  folder=$(package_folder TorchSharp)
  provider=$1 package_loads=no reason="as asked for"
  [[ $1 != system ]] || return 0
  is_restorable TorchSharp || true
  library=$folder/runtimes/linux-$(uname -m | sed 's/x86_64/x64/; s/aarch64/arm64/')/native/libLibTorchSharp.so
  if [[ ! -f $library ]]; then
    missing="NuGet gave no TorchSharp $(torchsharp_version) for this machine"
    [[ $1 != package ]] || die "$missing; use --provider system, or reach a feed that has it"
  else
    missing=$(missing_symbols "$library")
    if [[ -z $missing ]]; then package_loads=yes; else missing="TorchSharp's native library needs $missing"; fi
  fi
  [[ $1 == auto ]] || return 0
  if [[ $package_loads == yes ]]; then provider=package reason="NuGet has TorchSharp and it loads here"
  else provider=system reason=$missing; fi
}
