# Which TorchSharp: NuGet's (package), or our drop-in over this machine's libtorch (system).

torchsharp_version() { sed -n 's/.*Include="TorchSharp" Version="\([^"]*\)".*/\1/p' "$root/Directory.Packages.props"; }

# Restores TorchSharp alone (some MB) in a project of its own. A feed that does not answer costs 40 seconds, once.
restore_torchsharp() {
  local probe=$state/probe file
  rm -rf "$probe"; mkdir -p "$probe"
  for file in Directory.Build.props Directory.Build.targets Directory.Packages.props; do echo '<Project />' >"$probe/$file"; done
  cat >"$probe/probe.csproj" <<PROJECT
<Project Sdk="Microsoft.NET.Sdk">
  <PropertyGroup><TargetFramework>net10.0</TargetFramework></PropertyGroup>
  <ItemGroup><PackageReference Include="TorchSharp" Version="[$(torchsharp_version)]" /></ItemGroup>
</Project>
PROJECT
  timeout 40 dotnet restore "$probe/probe.csproj" -nodeReuse:false
}

# pick_provider REQUESTED: sets `provider`, `package_loads` and `reason`.
pick_provider() {
  local folder library missing
  folder=${NUGET_PACKAGES:-${HOME:-/nonexistent}/.nuget/packages}/torchsharp/$(torchsharp_version)
  provider=$1 package_loads=no reason="as asked for"
  [[ $1 != system ]] || return 0
  [[ -d $folder ]] || restore_torchsharp >>"$log" 2>&1 || true
  rm -rf "$state/probe"
  library=$folder/runtimes/linux-$(uname -m | sed 's/x86_64/x64/; s/aarch64/arm64/')/native/libLibTorchSharp.so
  if [[ ! -f $library ]]; then
    missing="NuGet gave no TorchSharp $(torchsharp_version) for this machine"
    [[ $1 != package ]] || die "$missing; use --provider system, or reach a feed that has it"
  else
    missing=$(ldd "$library" 2>&1 | sed -n 's/.*version .\([A-Z]*_[0-9.]*\). not found.*/\1/p' | sort -u | paste -s -d ' ')
    if [[ -z $missing ]]; then package_loads=yes; else missing="TorchSharp's native library needs $missing"; fi
  fi
  [[ $1 == auto ]] || return 0
  if [[ $package_loads == yes ]]; then provider=package reason="NuGet has TorchSharp and it loads here"
  else provider=system reason=$missing; fi
}
