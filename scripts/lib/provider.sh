# Which TorchSharp: NuGet's (package), or our drop-in over this machine's libtorch (system), for which alone our native library is built.

torchsharp_version() { package_version TorchSharp; }

# pick_provider REQUESTED: sets `provider`, `package_loads` and `reason`.
pick_provider() {
  local hindrance= missing processor
  processor=$(uname -m)
  provider=$1 package_loads=no reason="as asked for"
  if [[ $processor != x86_64 ]]; then
    [[ $1 != system ]] || die "the native library is for x86-64, and this processor is $processor; use --provider package"
    provider=package
    [[ $1 == package ]] || reason="the native library is for x86-64, not $processor"
  elif [[ $1 == auto && -n $libtorch ]]; then provider=system reason="LIBTORCH is given"
  elif [[ $1 == auto ]]; then
    hindrance=$(system_hindrance)
    [[ -n $hindrance ]] || provider=system reason="the native library can be built here"
  fi
  [[ $provider != system ]] || return 0
  missing=$(package_hindrance)
  if [[ -z $missing ]]; then package_loads=yes; fi
  if [[ $provider == package ]]; then
    # One that needs only newer C and C++ libraries gets them; one that is not there cannot be helped.
    [[ -z $missing || $missing == *" needs "* ]] ||
      die "$missing; reach a feed that has it$([[ $processor != x86_64 ]] || echo ", or use --provider system")"
  elif [[ $package_loads == yes ]]; then provider=package reason="$hindrance; NuGet's TorchSharp loads here"
  else provider=system reason=$missing; fi   # what hinders it is told next, with what to do
}

system_hindrance() { # why the native library cannot be built here; empty where it can
  local missing
  missing=$(missing_tools)
  if [[ -n $missing ]] && ! can_install; then echo "the native library is built with $missing, not found here"
  elif ! (use_distribution_libtorch); then debian_hindrance
  elif [[ $device == cuda && ! -x $(nvcc_here) ]]; then echo "the native library for CUDA is built with nvcc, not found here"; fi
}

package_hindrance() { # why NuGet's TorchSharp does not run here; empty where it does
  local library missing
  is_restorable TorchSharp || true
  library=$(package_folder TorchSharp)/runtimes/linux-$(uname -m | sed 's/x86_64/x64/; s/aarch64/arm64/')/native/libLibTorchSharp.so
  if [[ ! -f $library ]]; then echo "NuGet gave no TorchSharp $(torchsharp_version) for this machine"; return; fi
  missing=$(missing_symbols "$library")
  [[ -z $missing ]] || echo "TorchSharp's native library needs $missing"
}
