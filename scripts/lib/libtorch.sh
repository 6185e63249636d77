# Finds a libtorch, 2.4 to 2.14: $LIBTORCH, else the distribution's own, else Debian 13's in the cache.
# Each finder sets: torch_include, torch_lib, torch_rpath (a CMake list), torch_from, and torch_loader where the C library is too old.

oldest_torch=2.4 newest_torch=2.14

torch_version() { # INCLUDE: "2.6.0"; newer headers have moved
  { cat "$1"/torch/{csrc/api/include/torch,headeronly}/version.h 2>/dev/null || true; } |
    sed -n 's/^#define TORCH_VERSION_\(MAJOR\|MINOR\|PATCH\) //p' | paste -s -d .
}
version_at_least() { [[ $(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1) == "$2" ]]; }
supported_torch() { [[ -n $1 ]] && version_at_least "$1" $oldest_torch && version_at_least "$newest_torch.999" "$1"; }

use_libtorch_folder() { # FOLDER: the official zip's layout, which a Python environment's torch folder shares
  local folder version missing
  folder=$(readlink -f "$1") || die "LIBTORCH=$1 does not exist"
  # Debian's python3-torch: headers and libraries are the distribution's, elsewhere.
  if [[ -e $folder/_C && ! -e $folder/include ]] && use_distribution_libtorch; then return; fi
  version=$(torch_version "$folder/include")
  [[ -n $version && -e $folder/lib/libtorch_cpu.so ]] ||
    die "LIBTORCH=$1 has no include/torch or no lib/libtorch_cpu.so; name an unpacked official libtorch zip or Python's torch folder"
  supported_torch "$version" || die "LIBTORCH=$1 is libtorch $version; $oldest_torch to $newest_torch work"
  missing=$(missing_symbols "$folder/lib/libtorch_cpu.so")
  [[ -z $missing ]] || die "LIBTORCH=$1 needs $missing, which this system lacks; name a build for older systems, or unset LIBTORCH"
  torch_include=$folder/include torch_lib=$folder/lib torch_rpath=$folder/lib torch_loader= torch_from="libtorch $version in $folder"
  [[ $device == cpu || -e $torch_lib/libtorch_cuda.so ]] || die "LIBTORCH=$1 is built without CUDA; name one that is, or use --device cpu"
}

use_distribution_libtorch() { # true where one new enough is installed
  local include=/usr/include lib=/usr/lib/$(uname -m)-linux-gnu version
  version=$(torch_version $include)
  supported_torch "$version" && [[ -e $lib/libtorch_cpu.so ]] || return 1
  [[ $device == cpu || -e $lib/libtorch_cuda.so ]] || return 1
  torch_include=$include torch_lib=$lib torch_rpath=$lib torch_loader= torch_from="the distribution's libtorch $version"
}

nvcc_here() { echo "${CUDACXX:-$(command -v nvcc || echo "${CUDA_HOME:-/usr/local/cuda}/bin/nvcc")}"; }

find_nvcc() { # for a libtorch that brings none
  [[ $device == cuda ]] || return 0
  CUDACXX=$(nvcc_here)
  export CUDACXX
  [[ -x $CUDACXX ]] || die "--device cuda needs nvcc: install the CUDA toolkit, or set CUDACXX to its nvcc"
}

find_libtorch() {
  if [[ -n $libtorch ]]; then use_libtorch_folder "$libtorch"; find_nvcc; return; fi
  if use_distribution_libtorch; then find_nvcc; return; fi
  use_debian_libtorch
}
