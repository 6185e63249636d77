# Builds Release, and only what has changed. Sourced after common.sh.

# read_setup: sets `host`, `provider` and `bridge` as setup.sh left them.
read_setup() {
  host=$(<"$state/host")
  provider=$(sed -n 's|.*<TorchProvider>\(.*\)</TorchProvider>.*|\1|p' "$state/setup.props")
  bridge=$(sed -n 's|.*<NativeBridge [^>]*>\(.*\)</NativeBridge>.*|\1|p' "$state/setup.props" | sed 's/&lt;/</g; s/&gt;/>/g; s/&amp;/\&/g')
}

sources_stamp() { # changes with every file added, removed or touched
  { find "$root/src" "$@" -type f -not -path '*/native/*' -printf '%p %T@ %s\n'
    find "$root" -maxdepth 1 -type f -printf '%p %T@ %s\n'
    stat -c '%n %Y %s' "$state"/*.props ${bridge:+"$bridge"}
  } | LC_ALL=C sort | hash_of
}

# build_if_changed NAME PROJECT [MORE_SOURCES...]
build_if_changed() {
  local stamp=$state/built-$1-$provider project=$2; shift 2
  is_built() { [[ -f $stamp && $(<"$stamp") == "$now" ]]; }
  local now; now=$(sources_stamp "$@")
  if is_built; then return; fi
  (
    lock "$state/build.lock"
    now=$(sources_stamp "$@")
    if is_built; then exit 0; fi
    rm -f "$stamp"
    step "building ${project##*/}" "the build failed" build "$project"
    write "$stamp" <<<"$now"
  )
}

# Nothing may outlive the build (it would hold the lock), so neither build nodes nor the compiler's server are kept.
# What is running keeps the files it has mapped: MSBuild would write over them, so copies take their places first.
build() {
  local file
  while IFS= read -r -d '' file; do
    cp -p "$file" "$file.apart" && mv -f "$file.apart" "$file"
  done < <(find "$root/artifacts/$provider/bin" -path '*/release/*' \( -name 'TransformerTorch*.dll' \
    -o -name TorchSharp.dll -o -name tt.dll -o -name libtransformertorch.so \) -print0 2>/dev/null)
  cd "$root" && dotnet build "$1" -c Release -nodeReuse:false -p:UseSharedCompilation=false --tl:off -v:minimal
}
