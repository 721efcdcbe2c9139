#!/usr/bin/env bash
# The one test command: sets up, builds once, runs every test project, cross-builds, and ends with one line for the whole.
#   ./test.sh [--install] [--require-all] [--long] [--mutations[=ci]]
#   --install      install what is missing (done without asking when root): .NET SDK 10, node, npm, strace, docker-compose, etcd, radosgw, mkfs.ext4
#   --require-all  a skipped test fails the run
#   --long         more seeds (a thousand worlds, a thousand walks for each place), larger plots, more rows (MINIMILVUS_LONG=1); hours
#   --mutations    break the code on purpose and see the named tests fail (tests/Mutations); =ci: only those marked for every run
set -uo pipefail
if [ "${BASH_VERSINFO[0]}" -lt 5 ] || { [ "${BASH_VERSINFO[0]}" = 5 ] && [ "${BASH_VERSINFO[1]}" -lt 1 ]; }; then
  echo "test.sh: expected bash 5.1 or newer (wait -p), found $BASH_VERSION" >&2; exit 2
fi
# In braces: bash reads all of it before it runs any of it, so an edit during a run changes nothing.
{
cd "$(dirname "${BASH_SOURCE[0]}")" || exit 1

install=0 require_all=0 mutations=0 project_limit=900 test_limit=5min
[ "$(id -u)" = 0 ] && install=1
for argument in "$@"; do
  case "$argument" in
    --install) install=1 ;;
    --require-all) require_all=1 ;;
    --long) export MINIMILVUS_LONG=1; project_limit=28800 test_limit=90min ;;
    --mutations) mutations=all ;;
    --mutations=ci) mutations=ci ;;
    -h | --help) sed -n '2,7s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) echo "test.sh: unknown argument '$argument' (see --help)" >&2; exit 2 ;;
  esac
done

export DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_SKIP_FIRST_TIME_EXPERIENCE=1 DOTNET_CLI_UI_LANGUAGE=en
export DOTNET_TieredPGO=0 # short runs: profiling for the optimizer costs more than it gives
passed=0 failed=0 skipped=0
started=$SECONDS
results=$(mktemp -d "${TMPDIR:-/tmp}/minimilvus-test.XXXXXX")
# One compiler for all projects: starting one for each takes longer than their compiling. It ends with the builds.
export UseSharedCompilation=true SharedCompilationId=$(basename "$results")-compiler
stop_compiler() { pkill -f "VBCSCompiler.*$SharedCompilationId"; rm -f "/tmp/$SharedCompilationId"; } # the latter is its socket
declare -A running=() begun=()
trap 'stop_compiler; for pid in "${!running[@]}"; do pkill -P "$pid"; done; rm -rf "$results"' EXIT

step() { printf '\n== %s (at %d s)\n' "$1" $((SECONDS - started)); }
finish() {
  printf '\n'
  for list in failures skips; do
    if [ -s "$results/$list" ]; then echo "${list^}:"; sed 's/^/  /' "$results/$list"; fi
  done
  [ "$require_all" = 1 ] && [ "$skipped" -gt 0 ] && echo "--require-all: a skip is a failure"
  echo "Took $((SECONDS - started)) s"
  echo "$passed passed, $failed failed, $skipped skipped"
  [ "$failed" = 0 ] && [ "$passed" -gt 0 ] && { [ "$require_all" = 0 ] || [ "$skipped" = 0 ]; }
  exit $?
}
fail() { failed=$((failed + 1)); echo "$1" >> "$results/failures"; echo "FAILED: $1"; }
pass() { passed=$((passed + 1)); echo "passed: $1"; }

# ---- what the tests need ----------------------------------------------------------------------------------------
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }
have_sdk() { command -v dotnet > /dev/null && dotnet --list-sdks 2> /dev/null | grep -q '^10\.'; }

set_up_dotnet() {
  have_sdk && return
  [ -x "$HOME/.dotnet/dotnet" ] && export DOTNET_ROOT="$HOME/.dotnet" PATH="$HOME/.dotnet:$PATH" && have_sdk && return
  if [ "$install" = 1 ]; then
    command -v curl > /dev/null || install_packages curl ca-certificates libicu-dev
    curl -fsSL --retry 3 https://dot.net/v1/dotnet-install.sh -o "$results/dotnet-install.sh" \
      && bash "$results/dotnet-install.sh" --channel 10.0 --install-dir "$HOME/.dotnet" > "$results/dotnet-install.log" 2>&1
    export DOTNET_ROOT="$HOME/.dotnet" PATH="$HOME/.dotnet:$PATH"
  fi
  have_sdk && return
  [ -f "$results/dotnet-install.log" ] && tail -5 "$results/dotnet-install.log"
  fail "the .NET SDK 10 is missing: run ./test.sh --install, or see https://dotnet.microsoft.com/download/dotnet/10.0"
  finish
}

install_packages() {
  command -v apt-get > /dev/null || { echo "not Debian or Ubuntu: install by hand: $*"; return; }
  as_root env DEBIAN_FRONTEND=noninteractive sh -c 'apt-get update -qq && apt-get install -y -qq --no-install-recommends "$@"' sh "$@" \
    > "$results/apt.log" 2>&1 || { echo "apt-get install $* failed:"; tail -3 "$results/apt.log"; }
}

set_up_tools() {
  local missing=()
  command -v node > /dev/null || missing+=(nodejs)
  command -v npm > /dev/null || missing+=(npm)
  command -v strace > /dev/null || missing+=(strace)
  command -v docker-compose > /dev/null || missing+=(docker-compose)
  command -v radosgw > /dev/null || missing+=(radosgw ceph-mon ceph-osd ceph-common curl) # about 300 MiB
  command -v etcd > /dev/null || missing+=(etcd-server)
  [ "$(id -u)" != 0 ] || command -v mkfs.ext4 > /dev/null || missing+=(e2fsprogs) # only root mounts
  if [ ${#missing[@]} -gt 0 ] && [ "$install" = 1 ]; then install_packages "${missing[@]}"; fi
}

set_up_node_packages() {
  local folder=tests/EndToEnd/node
  [ -f "$folder/package-lock.json" ] && command -v npm > /dev/null || return
  [ "$folder/node_modules/.package-lock.json" -nt "$folder/package-lock.json" ] && return
  (cd "$folder" && npm ci --ignore-scripts --no-audit --no-fund) > "$results/npm.log" 2>&1 && touch "$folder/node_modules/.package-lock.json" \
    || { echo "npm ci failed:"; tail -5 "$results/npm.log"; }
}

step "Set up"
set_up_dotnet
{ set_up_tools; set_up_node_packages; } > "$results/setup.log" 2>&1 &
setup=$!

# ---- build once, while the tools install ------------------------------------------------------------------------
step "Build"
dotnet build MiniMilvus.sln -c Release --nologo -v quiet > "$results/build.log" 2>&1
built=$?
wait "$setup"
cat "$results/setup.log"
if [ "$built" = 0 ]; then
  pass "build of MiniMilvus.sln, warnings as errors"
else
  grep -E 'error|warn' "$results/build.log" | sort -u | head -30
  fail "build of MiniMilvus.sln"
  finish
fi

# ---- other platforms --------------------------------------------------------------------------------------------
for rid in win-x64 osx-arm64; do
  step "Cross-build for $rid"
  # Without the native launcher: its pack for a foreign platform is a download that not every feed has.
  if dotnet build src/Host -c Release -r "$rid" --no-self-contained -p:UseAppHost=false --nologo -v quiet > "$results/$rid.log" 2>&1; then
    pass "cross-build for $rid"
  else
    grep -E 'error' "$results/$rid.log" | sort -u | head -5
    fail "cross-build for $rid"
  fi
done
stop_compiler

# ---- every test project -----------------------------------------------------------------------------------------
counter() { grep -o '<Counters [^>]*>' "$2" | grep -o " $1=\"[0-9]*\"" | grep -o '[0-9]*' | head -1; }

run_tests() { # project; the simulation, which has a clock of its own, gives way to the others
  local way=()
  case "$1" in *Simulation*) way=(nice -n 5) ;; esac
  "${way[@]}" timeout --kill-after=10 "${MINIMILVUS_TEST_TIMEOUT:-$project_limit}" \
    dotnet test "$1" -c Release --no-build --nologo --blame-hang-timeout "$test_limit" --blame-hang-dump-type none --results-directory "$results" \
    --logger "trx;LogFileName=$(basename "$1" .csproj).trx" --logger "console;verbosity=normal" > "$results/$(basename "$1" .csproj).log" 2>&1
}

report_tests() { # project, exit code
  local name status=$2 log trx total good bad left
  name=$(basename "$1" .csproj) log="$results/$(basename "$1" .csproj).log" trx="$results/$(basename "$1" .csproj).trx"
  if [ ! -s "$trx" ] || ! grep -q '<Counters ' "$trx"; then
    tail -30 "$log"
    fail "$name: no result (exit code $status)"
    return
  fi
  total=$(counter total "$trx") good=$(counter passed "$trx") bad=$(counter failed "$trx")
  left=$((total - good - bad))
  passed=$((passed + good)) failed=$((failed + bad)) skipped=$((skipped + left))
  echo "$good passed, $bad failed, $left skipped"
  if [ "$left" -gt 0 ]; then
    awk -v project="$name" '/ \[SKIP\]$/{sub(/^\[xUnit[^]]*\] */,""); sub(/ \[SKIP\]$/,""); test=$0; next}
      test{sub(/^\[xUnit[^]]*\] */,""); print project ": " test ": " $0; test=""}' "$log" >> "$results/skips"
  fi
  if [ "$bad" -gt 0 ]; then
    grep -E '^ *Failed ' "$log" | sed -E "s/^ *Failed /$name: /" >> "$results/failures"
    awk '/^ *Failed /{show=1} /^ *(Passed|Skipped) /{show=0} /^Test Run Failed/{show=0} show' "$log" | head -150
  fi
  if [ "$status" != 0 ] && [ "$bad" = 0 ]; then
    tail -15 "$log"
    fail "$name: the test host ended with exit code $status"
  elif [ "$total" = 0 ]; then
    fail "$name: ran no test"
  fi
  return 0
}

# Beside Conformance, which mostly waits (for etcd, radosgw, time-outs), two at a time, the longest first. Then the real processes, and beside them nothing but the simulation, which is one thread.
projects() {
  grep -rl --include='*.csproj' --exclude-dir=node_modules --exclude-dir=obj 'Microsoft.NET.Test.Sdk' tests | sort |
    awk '/Conformance/{print 0, $0; next} /Fuzzing|QueryNode|Woodpecker|Proxy|Index/{print 1, $0; next} /Simulation/{print 3, $0; next} /EndToEnd/{print 4, $0; next} {print 2, $0}' |
    sort -s -k1,1n | cut -d' ' -f2
}
collect() { # those that end first, until no more than this many run
  local pid='' status
  while [ ${#running[@]} -gt "$1" ]; do
    wait -n -p pid "${!running[@]}"
    status=$?
    [ -n "$pid" ] || { fail "no test project to wait for (bash 5.1 or later is needed)"; finish; }
    step "$(basename "${running[$pid]}" .csproj), $((SECONDS - begun[$pid])) s"
    report_tests "${running[$pid]}" "$status"
    unset "running[$pid]"
  done
}
for project in $(projects); do
  case "$project" in
    *Simulation*) collect 0 ;;
    *) collect 2 ;;
  esac
  run_tests "$project" &
  running[$!]=$project begun[$!]=$SECONDS
done
collect 0

# ---- the tests themselves ---------------------------------------------------------------------------------------
if [ "$mutations" != 0 ]; then
  step "Mutations"
  timeout --kill-after=30 3600 tests/Mutations/run.sh $([ "$mutations" = ci ] && echo --ci) 2>&1 | tee "$results/mutations.log"
  status=${PIPESTATUS[0]}
  if read -r good bad left < <(tail -1 "$results/mutations.log" | sed -nE 's/^([0-9]+) passed, ([0-9]+) failed, ([0-9]+) skipped$/\1 \2 \3/p'); then
    passed=$((passed + good)) failed=$((failed + bad)) skipped=$((skipped + left))
    sed -n 's/^FAILED: /Mutations: /p' "$results/mutations.log" >> "$results/failures"
    if [ "$status" != 0 ] && [ "$bad" = 0 ]; then fail "mutations: exit code $status"; fi
  else
    fail "mutations: no result (exit code $status)"
  fi
fi
finish
}
