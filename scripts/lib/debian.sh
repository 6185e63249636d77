# Debian 13's libtorch 2.6 in the cache, on any machine with apt and a C library of its own: apt resolves and downloads into folders
# of ours, dpkg-deb unpacks, nothing is installed. Where this machine's C library is older than Debian 13's, a copy of the .NET
# host is made that loads Debian 13's; the machine stays as it is.

debian_suite=trixie debian_glibc=2.41
debian=$cache/debian13-libtorch2.6

debian_hindrance() { # what keeps Debian's libtorch from being fetched; empty where nothing does, or where it was
  local found=$debian
  [[ $device == cpu || $debian == *-cuda ]] || found+=-cuda
  if [[ -d $found/usr/include/torch ]]; then return; fi
  if ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then
    echo "found no libtorch, and no apt to fetch Debian's with"
  elif [[ ! -r /usr/share/keyrings/debian-archive-keyring.gpg ]]; then
    echo "found no libtorch, and no debian-archive-keyring to fetch Debian's with"
  fi
}

use_debian_libtorch() {
  local triplet ready hindrance size="180 MB, unpacked 750 MB"
  triplet=$(uname -m)-linux-gnu
  [[ $device == cpu ]] || debian+=-cuda
  ready=$debian/usr/include/torch
  if [[ ! -d $ready ]]; then
    hindrance=$(debian_hindrance)
    [[ -z $hindrance ]] || die "$hindrance; install it, or set LIBTORCH to an unpacked official libtorch zip"
    ensure_folder "$cache" "set TT_CACHE to a folder that can be written"
    lock "$cache/lock"
    [[ $device == cpu ]] || size="2.5 GB, unpacked 7 GB"
    [[ -d $ready ]] || step "fetching libtorch 2.6 from Debian 13 into $cache ($size)" \
      "set LIBTORCH to an unpacked official libtorch zip or to Python's torch folder, use --provider package, or try again" \
      fetch_debian
  fi
  torch_include=$debian/usr/include torch_lib=$debian/usr/lib/$triplet torch_from="Debian 13's libtorch 2.6 in $debian"
  # OpenBLAS on OpenMP stands first, so that libblas.so.3 and liblapack.so.3 are its; libgloo is in usr/lib itself
  torch_rpath="$torch_lib/openblas-openmp;$torch_lib;$debian/usr/lib"
  export CUDACXX=$debian/usr/lib/nvidia-cuda-toolkit/bin/nvcc   # of libtorch's own CUDA
  if [[ $device == cuda ]]; then find_cudnn; fi
  torch_loader=
  if ! version_at_least "$(getconf GNU_LIBC_VERSION | cut -d ' ' -f 2)" $debian_glibc; then
    torch_loader=$(echo "$torch_lib"/ld-linux-*.so.*)
  fi
}

debian_mirrors() { # this machine's own, in both of apt's formats, then Debian's
  {
    apt-get indextargets --format '$(REPO_URI)' 2>/dev/null | grep -E '^https?://.*/debian/?$' || true
    echo https://deb.debian.org/debian
  } | awk '!seen[$0]++'
}

fetch_debian() {
  set -euo pipefail
  local work=$debian.partial components=main packages headers mirror part deb apt
  packages=(libtorch2.6 libopenblas0-openmp libc-bin)
  headers=(libtorch-dev libdnnl-dev patchelf)   # their own dependencies are not wanted
  if [[ $device == cuda ]]; then
    components="main contrib non-free non-free-firmware" packages[0]=libtorch-cuda-2.6
    headers[0]=libtorch-cuda-dev headers+=(nvidia-cuda-toolkit)
  fi
  mkdir -p "$work"/{lists/partial,archives/partial}
  : >"$work/status"   # an empty machine: apt resolves the whole closure, the C library included
  apt=(apt-get -q -y -o Dir::State::Lists="$work/lists" -o Dir::State::status="$work/status" -o Dir::Cache::archives="$work/archives"
       -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= -o Dir::Etc::sourcelist="$work/sources.list" -o Dir::Etc::sourceparts=/dev/null
       -o Dir::Etc::preferences=/dev/null -o Dir::Etc::preferencesparts=/dev/null -o APT::Install-Recommends=false -o Debug::NoLocking=true
       -o APT::Sandbox::User="$(id -un)" -o Acquire::Languages=none -o Acquire::Retries=2 -o Acquire::http::Timeout=20
       -o Acquire::https::Timeout=20 -o APT::Update::Error-Mode=any -o APT::Update::Post-Invoke-Success::=)
  for part in DEP-11 DEP-11-icons-small DEP-11-icons DEP-11-icons-hidpi CNF; do
    apt+=(-o "Acquire::IndexTargets::deb::$part::DefaultEnabled=false")
  done
  for mirror in $(debian_mirrors); do
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $debian_suite $components" >"$work/sources.list"
    if "${apt[@]}" update; then break; fi
    mirror=
  done
  [[ -n $mirror ]] || return 1
  "${apt[@]}" --download-only install "${packages[@]}"
  (cd "$work/archives" && "${apt[@]}" download "${headers[@]}")
  rm -rf "$work/root"; mkdir "$work/root"
  for deb in "$work"/archives/*.deb; do echo "unpacking ${deb##*/}"; dpkg-deb -x "$deb" "$work/root"; done
  sync -f "$work/root" || true
  [[ $device == cpu ]] || point_nvcc_at "$work/root" "$debian"
  rm -rf "$work/root/usr/share/doc" "$debian"
  mv "$work/root" "$debian"
  rm -rf "$work"
}

# find_cudnn: NVIDIA's library, which libtorch with CUDA needs and Debian does not hold, from where this machine has it.
find_cudnn() {
  local file
  file=$(PATH=$PATH:/sbin:/usr/sbin ldconfig -p 2>/dev/null | sed -n 's/.*libcudnn\.so\.9 .*=> //p' | head -n 1)
  if [[ -n $file ]]; then torch_rpath+=";$(dirname "$file")"
  else say "NVIDIA's cuDNN 9 is not here, which Debian does not hold: without it the native library is built but will not load"; fi
}

# point_nvcc_at ROOT FOLDER: Debian's nvcc, unpacked in ROOT and soon in FOLDER, finds its parts there and not in /usr.
point_nvcc_at() {
  local bin=usr/lib/nvidia-cuda-toolkit/bin tool
  rm "$1/$bin/nvcc.profile" "$1/$bin/gcc" "$1/$bin/g++"   # a link to /etc, and wrappers of a compiler that is not here
  # The rest of usr/bin must not be found: an assembler that needs libraries of Debian 13's.
  for tool in bin2c cudafe++ fatbinary nvlink ptxas; do ln -s "../../../bin/$tool" "$1/$bin/"; done
  { echo "TOP = $2/usr"
    sed "s|nvidia-cuda-toolkit/libdevice|cuda/nvvm/libdevice|; s|/usr/|$2/usr/|g" "$1/etc/nvcc.profile"   # where CMake wants it
    echo "INCLUDES += \"-I$2/usr/include\" \$(_SPACE_)"
  } >"$1/$bin/nvcc.profile"
}

# choose_host: sets `host`, the dotnet that runs programs with libtorch in them.
choose_host() {
  local dotnet work part rpath
  dotnet=$(readlink -f "$(command -v dotnet)")
  host=$dotnet
  [[ -n $torch_loader ]] || return 0
  rpath=${torch_rpath//;/:}
  host=$cache/host-$({ echo "$dotnet $torch_loader $rpath"; cat "$dotnet"; } | hash_of)/dotnet
  [[ ! -x $host ]] || return 0
  ensure_folder "$cache" "set TT_CACHE to a folder that can be written"
  work=$(mktemp -d "$cache/host.XXXXXX")
  chmod 755 "$work"
  for part in "$(dirname "$dotnet")"/*; do [[ $part == "$dotnet" ]] || ln -s "$part" "$work/"; done
  { cp "$dotnet" "$work/dotnet" && "$torch_loader" --library-path "$torch_lib" "$debian/usr/bin/patchelf" \
      --set-interpreter "$torch_loader" --force-rpath --set-rpath "$rpath" "$work/dotnet" &&
      (cd "$root" && "$work/dotnet" --version); } >>"$log" 2>&1 ||
    die "the .NET host could not be put on Debian 13's C library (the log: $log)"
  mv -T "$work" "$(dirname "$host")" 2>/dev/null || [[ -x $host ]] || die "cannot write $host"
}
