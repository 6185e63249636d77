#!/usr/bin/env bash
# Makes this checkout ready to build and run: picks TorchSharp's provider, finds libtorch, builds the native library, and writes
# .setup/setup.props (read by Directory.Build.props) and .setup/host (the dotnet to run with). Under a second when all is there.
#
#   scripts/setup.sh [--provider auto|package|system] [--device cpu|cuda] [--quiet]
#
# auto is system where the native library can be built (x86-64, with g++, CMake, Ninja and a libtorch at hand or to be had by apt) and
# where LIBTORCH is given; else package.
# What is chosen stays chosen until another choice is named. LIBTORCH names a libtorch (the official zip, unpacked, or the torch
# folder of a Python environment); TT_CACHE the folder for what is fetched; TT_PROVIDER is --provider.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
for part in packages provider libtorch debian bridge; do source "$root/scripts/lib/$part.sh"; done

requested=${TT_PROVIDER:-} device= quiet=no libtorch=${LIBTORCH:-}
usage() { sed -n '5,10s/^# \{0,2\}//p' "${BASH_SOURCE[0]}" >&2; exit 2; }
while (($#)); do
  case $1 in
    --provider) requested=${2:-}; [[ $requested =~ ^(auto|package|system)$ ]] || usage; shift 2 ;;
    --device) device=${2:-}; [[ $device =~ ^(cpu|cuda)$ ]] || usage; shift 2 ;;
    --quiet) quiet=yes; shift ;;
    *) usage ;;
  esac
done
[[ ${requested:-auto} =~ ^(auto|package|system)$ ]] || die "TT_PROVIDER=$requested is none of auto, package, system"

[[ $(uname -s) == Linux ]] || die "this script serves Linux; elsewhere nothing is to set up; run
  dotnet run -c Release --project src/TransformerTorch.Cli -- train configs/gpt-docs.yaml"
command -v flock >/dev/null || die "needs flock: install util-linux"
dotnet=$(command -v dotnet) || die "needs the .NET 10 SDK and finds no dotnet on PATH: https://dotnet.microsoft.com/download/dotnet/10.0"

# What was chosen before holds where nothing else is named now.
choice() { sed -n "s/^$1=//p" "$state/choices" 2>/dev/null || true; }
asked_device=${device:-$(choice device)} device=${asked_device:-cpu}
if [[ -z $requested ]]; then requested=$(choice provider) libtorch=${libtorch:-$(choice libtorch)}; fi
requested=${requested:-auto}

# All that the result depends on; when it is as it was, and the result still there, nothing is to do.
fingerprint() {
  { echo "$requested|$device|$libtorch|$cache|$(readlink -f "$dotnet")|$(torchsharp_version)"
    grep -m 1 '^flags' /proc/cpuinfo || true
    find "$root/src/native" "$root/scripts/setup.sh" "$root/scripts/lib" -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum
  } | hash_of
}
is_ready() {
  [[ -f $state/ready && $(<"$state/ready") == "$(fingerprint)" && -f $state/setup.props && -x $(<"$state/host") ]] || return 1
  local needed
  while read -r needed; do [[ -e $needed ]] || return 1; done <"$state/needs"
}
if is_ready; then
  [[ $quiet == yes ]] || say "everything is there"
  exit 0
fi

ensure_folder "$state" "the checkout must be writable"
lock "$state/lock"
if is_ready; then exit 0; fi   # another run did it meanwhile
: >"$log"
# In the caller's folder another global.json might count.
(cd "$root" && dotnet --version) >>"$log" 2>&1 ||
  die "needs the .NET 10 SDK, which $dotnet is not: https://dotnet.microsoft.com/download/dotnet/10.0"

torch_loader= bridge= torch_lib=
pick_provider "$requested"
say "provider $provider ($device): $reason"
if [[ $provider == system ]]; then
  ensure_tools
  find_libtorch
  choose_host
  build_bridge
elif [[ $package_loads == yes ]]; then
  choose_host
else
  device=cpu use_debian_libtorch   # for its C and C++ libraries alone
  choose_host
fi

xml() { sed 's/&/\&amp;/g; s/</\&lt;/g; s/>/\&gt;/g' <<<"$1"; }
rm -f "$state/ready"
printf 'provider=%s\ndevice=%s\nlibtorch=%s\n' "$requested" "$asked_device" "$libtorch" | write "$state/choices"
printf '%s\n' "$host" ${bridge:+"$bridge"} ${torch_lib:+"$torch_lib"} | write "$state/needs"
printf '%s\n' "$host" | write "$state/host"
write "$state/setup.props" <<PROPS
<Project>
  <PropertyGroup>
    <TorchProvider>$provider</TorchProvider>
    <TorchFlavor>$device</TorchFlavor>
    <!-- never beside another provider's libtorch: one process must not hold two -->
    <NativeBridge Condition="'\$(TorchProvider)' == '$provider'">$(xml "$bridge")</NativeBridge>
  </PropertyGroup>
</Project>
PROPS
fingerprint | write "$state/ready"
[[ -n $asked_device || ! -e /dev/nvidia0 ]] || say "an NVIDIA GPU is here: scripts/setup.sh --device cuda makes use of it"
[[ $quiet == yes ]] || say "ready: provider $provider, ${torch_from:-libtorch from NuGet}"
