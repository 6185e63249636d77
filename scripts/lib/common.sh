# Shared by the scripts: where things are, what is said, how long work is shown. Sourced, after `set -euo pipefail`.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
state=$root/.setup
log=$state/setup.log
cache=${TT_CACHE:-${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/transformertorch}

say() { printf 'setup: %s\n' "$*" >&2; }
die() { printf 'setup: %s\n' "$*" >&2; exit 1; }
hash_of() { sha256sum | cut -c 1-16; }

# missing_symbols LIBRARY: versions of the system's C and C++ libraries that it needs and that are not here, "GLIBC_2.38 ..."
missing_symbols() {
  { ldd "$1" 2>&1 || true; } | sed -n 's/.*version .\([A-Z]*_[0-9.]*\). not found.*/\1/p' | sort -u | paste -s -d ' '
}

# ensure_folder FOLDER REMEDY: exists and can be written.
ensure_folder() {
  mkdir -p "$1" 2>/dev/null || die "cannot create $1; $2"
  [[ -w $1 ]] || die "cannot write to $1; $2"
}

# lock FILE: held until this process and all that it started have ended, so that a killed set-up's last command is waited for too.
lock() {
  local fd
  exec {fd}>"$1" || die "cannot write $1"
  flock -n "$fd" && return
  say "waiting for another run to finish with $(dirname "$1")"
  flock "$fd"
}

# step WHAT REMEDY COMMAND...: runs the command with its output in the log; on standard error, what it does and how far it is.
step() {
  local what=$1 remedy=$2 start=$SECONDS shown=0 child status=0; shift 2
  [[ -t 2 ]] || say "$what ..."
  printf '\n== %s\n' "$what" >>"$log"
  ("$@") >>"$log" 2>&1 </dev/null & child=$!
  trap 'kill "$child" 2>/dev/null || true; say "interrupted; run it again to go on"; exit 130' INT TERM
  while kill -0 "$child" 2>/dev/null; do
    if [[ -t 2 ]]; then
      printf '\r\033[Ksetup: %s, %d s  %s' "$what" $((SECONDS - start)) "$(tail -n 1 "$log" | tr -d '\r' | cut -c 1-60)" >&2
    elif ((SECONDS - start >= shown + 15)); then
      shown=$((SECONDS - start)); say "  $shown s: $(tail -n 1 "$log" | cut -c 1-100)"
    fi
    sleep 0.1
  done
  wait "$child" || status=$?
  trap - INT TERM
  [[ ! -t 2 ]] || printf '\r\033[K' >&2
  if ((status == 0)); then say "$what: $((SECONDS - start)) s"; return; fi
  case $(last_output) in
    *"o space left"* | *"enough free space"* | *"quota exceeded"*)
      die "$what failed, the disk is full: make room, or set TT_CACHE to a folder with room (log: $log)" ;;
    *"failure resolving"* | *"resolve host"* | *"ould not connect"* | *"Network is unreachable"* | *"onnection timed out"*)
      die "$what failed, the network cannot be reached: $remedy (log: $log)" ;;
  esac
  echo "setup: $what failed:" >&2; why_failed | sed "s|$root/||g; s/^/  | /" >&2
  die "$remedy (log: $log)"
}

last_output() { tac "$log" | sed '/^== /q' | tac; } # of the last step
why_failed() { # the compilers' errors, else the last lines
  local output errors
  output=$(last_output)
  errors=$(grep -E '(: |^)(fatal )?error( [A-Z0-9]+)?:' <<<"$output" | sed 's/ \[[^]]*csproj\]$//' | awk '!seen[$0]++' | head -n 12 || true)
  if [[ -n $errors ]]; then echo "$errors"; else tail -n 12 <<<"$output"; fi
}

# write FILE: standard input, seen by others either wholly or not at all.
write() { cat >"$1.new" && mv -f "$1.new" "$1" || die "cannot write $1: is the disk full?"; }
