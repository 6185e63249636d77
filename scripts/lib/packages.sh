# Which packages NuGet's feed has: some feeds lack some. Sourced after common.sh.

package_version() { sed -n "s/.*Include=\"$1\" Version=\"\([^\"]*\)\".*/\1/p" "$root/Directory.Packages.props"; }
package_folder() { echo "${NUGET_PACKAGES:-${HOME:-/nonexistent}/.nuget/packages}/${1,,}/$(package_version "$1")"; }

# is_restorable PACKAGE: it was restored before, or now, alone in a project of its own. A feed that does not answer costs 40 seconds.
is_restorable() {
  local probe file status=0
  [[ ! -d $(package_folder "$1") ]] || return 0
  probe=$(mktemp -d "$state/probe.XXXXXX")
  for file in Directory.Build.props Directory.Build.targets Directory.Packages.props; do echo '<Project />' >"$probe/$file"; done
  cat >"$probe/probe.csproj" <<PROJECT
<Project Sdk="Microsoft.NET.Sdk">
  <PropertyGroup><TargetFramework>net10.0</TargetFramework></PropertyGroup>
  <ItemGroup><PackageReference Include="$1" Version="[$(package_version "$1")]" /></ItemGroup>
</Project>
PROJECT
  # From here, not from the caller's folder, whose global.json may name another SDK.
  (cd "$root" && timeout 40 dotnet restore "$probe/probe.csproj" -nodeReuse:false) >>"$log" 2>&1 || status=$?
  rm -rf "$probe"
  return $status
}

# find_absent_packages: writes for Directory.Build.props which packages that the engine can do without the feed lacks; asks once.
find_absent_packages() {
  local package absent=";" stamp
  stamp=$(hash_of <"$root/Directory.Packages.props")
  if grep -qs "$stamp" "$state/packages.props"; then return; fi
  for package in Microsoft.ML.Tokenizers BenchmarkDotNet; do
    is_restorable $package && continue
    say "NuGet's feed has no $package: what needs it is left out"
    absent+="$package;"
  done
  write "$state/packages.props" <<<"<Project><!-- $stamp -->
  <PropertyGroup><AbsentPackages>$absent</AbsentPackages></PropertyGroup></Project>"
}
