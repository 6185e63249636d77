# `tt test [FILTER]`: every test project, one after another, then the native test programs. Sourced by tt.

test_usage() {
  echo "Usage: scripts/tt test [FILTER]"
  echo "Runs every test, or those whose full name holds FILTER (or as \`dotnet test --filter\` has it: FullyQualifiedName~A|DisplayName~B)."
}

check_test_arguments() { # before anything is set up
  case ${1:-} in -h | --help | "-?") test_usage; exit 0 ;; esac
  if (($# > 1)) || [[ ${1:-} == -* ]]; then test_usage >&2; exit 2; fi
}

run_tests() {
  cd "$root"   # the caller's folder may have a global.json of its own
  local filter=${1:-} project results passed=0 failed=0 skipped=0 status=0
  results=$state/results-$$
  trap 'rm -rf "$state/results-$$"' EXIT
  find_absent_packages
  build_if_changed tests TransformerTorch.sln "$root/tests"
  for project in "$root"/tests/*/*.csproj; do run_project "$project" || status=1; done
  run_native_tests || status=1
  if ((passed + failed == 0)); then say "no test ran"; status=1; fi
  printf '%d passed, %d failed' "$passed" "$failed"
  if ((skipped > 0)); then printf ', %d skipped' "$skipped"; fi
  printf '\n'
  ((status == 0 && failed == 0))
}

run_project() { # adds to passed, failed, skipped; fails where the run itself did
  local name options status=0 counters
  name=$(basename "$1" .csproj)
  grep -q '<OutputType>Exe' "$1" && return   # benchmarks
  options=(--nologo --results-directory "$results" --logger "trx;LogFileName=$name.trx" --logger "console;verbosity=minimal")
  [[ -z $filter ]] || options+=(--filter "$filter")
  echo "== $name"
  # Who is started in the background has Ctrl-C ignored, and so would the programs whose answer to it is tested.
  /usr/bin/env --default-signal=INT "$host" test "$root/artifacts/$provider/bin/$name/release/$name.dll" "${options[@]}" \
    -- RunConfiguration.DotNetHostPath="$host" </dev/null || status=$?
  counters=$(grep -m 1 -o '<Counters [^>]*' "$results/$name.trx" 2>/dev/null || true)
  if [[ -z $counters ]]; then
    [[ -n $filter ]] && ((status == 0)) && return   # nothing of this project matches
    echo "$name: no results; it crashed or could not start"; failed=$((failed + 1)); return 1
  fi
  count() { sed -n "s/.* $1=\"\([0-9]*\)\".*/\1/p" <<<"$counters"; }
  passed=$((passed + $(count passed))) failed=$((failed + $(count failed)))
  skipped=$((skipped + $(count total) - $(count executed)))
  ((status == 0))
}

run_native_tests() { # each program of tests/native is one test; exit status 0 passes
  local source name status=0
  [[ -n $bridge ]] || return 0
  for source in "$root"/tests/native/*"$filter"*.cpp; do
    [[ -e $source ]] || continue
    name=$(basename "$source" .cpp)
    echo "== native/$name"
    if (step "building $name" "the native test does not build" cmake --build "$(dirname "$bridge")" --target "$name") &&
      "$(dirname "$bridge")/tests/$name" </dev/null; then passed=$((passed + 1)); continue; fi
    echo "native test $name failed"; failed=$((failed + 1)) status=1
  done
  return $status
}
