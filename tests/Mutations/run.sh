#!/usr/bin/env bash
# Breaks the code on purpose, one patch at a time, and requires that the tests named in the patch see it.
#   tests/Mutations/run.sh [--ci] [NAME…]    all of tests/Mutations/*.patch, or those named; --ci: those with '# ci: yes'
# Works in a copy of the tree; the tree itself is never touched. Ends with one line "N passed, N failed, N skipped".
#   MINIMILVUS_MUTATION_TIMEOUT  seconds for one build or one test run (180)
set -uo pipefail
# In braces: bash reads all of it before it runs any of it, so an edit during a run changes nothing.
{
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
limit=${MINIMILVUS_MUTATION_TIMEOUT:-180}
export DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_SKIP_FIRST_TIME_EXPERIENCE=1 DOTNET_CLI_UI_LANGUAGE=en
work=$(mktemp -d "${TMPDIR:-/tmp}/minimilvus-mutations.XXXXXX")
child=
stop() {
  if [ -n "$child" ]; then kill "$child" 2> /dev/null; wait "$child"; fi
  exit 130
}
trap 'rm -rf "$work"' EXIT
trap stop INT TERM
export GIT_CEILING_DIRECTORIES=$work
tree=$work/tree built=$work/built
passed=0 failed=0 started=$SECONDS

# In the background, because bash runs a trap only between commands.
bounded() {
  timeout --kill-after=10 "$limit" "$@" &
  child=$!
  wait "$child"
  local status=$?
  child=
  return "$status"
}
pass() { passed=$((passed + 1)); echo "passed: $1"; }
fail() { failed=$((failed + 1)); echo "FAILED: $1"; }
finish() {
  echo "Took $((SECONDS - started)) s"
  echo "$passed passed, $failed failed, 0 skipped"
  [ "$failed" = 0 ] && [ "$passed" -gt 0 ]
  exit $?
}

# ---- the patches' headers ---------------------------------------------------------------------------------------
header() { sed -n "/^diff --git/q; s/^# $1: *//p" "$here/$2.patch"; }

names=() all=1
for argument in "$@"; do
  all=0
  name=$(basename -- "$argument" .patch)
  if [ "$argument" = --ci ]; then
    for patch in "$here"/*.patch; do
      name=$(basename "$patch" .patch)
      [ "$(header ci "$name")" = yes ] && names+=("$name")
    done
  elif [ -f "$here/$name.patch" ]; then
    names+=("$name")
  else
    fail "$name: no such mutation"
  fi
done
if [ "$all" = 1 ]; then
  for patch in "$here"/*.patch; do [ -f "$patch" ] && names+=("$(basename "$patch" .patch)"); done
fi
[ ${#names[@]} -gt 0 ] || finish

ready=()
for name in "${names[@]}"; do
  if [ "$(header claim "$name" | wc -l)" = 1 ] && [ "$(header project "$name" | wc -l)" = 1 ] && [ -n "$(header test "$name")" ] &&
    [ -d "$root/$(header project "$name")" ] && grep -qF "| \`$name\` | $(header claim "$name") |" "$here/README.md"; then
    ready+=("$name")
  else
    fail "$name: expected a header of one '# claim:', one '# project:' that exists, and '# test:' lines, and its row in README.md"
  fi
done
[ ${#ready[@]} -gt 0 ] || finish

# ---- a copy of the tree, as it is now ---------------------------------------------------------------------------
mkdir -p "$tree" "$built"
(cd "$root" && git ls-files -z --cached --others --exclude-standard) > "$work/files" &&
  (cd "$root" && while IFS= read -r -d '' file; do [ -e "$file" ] && printf '%s\0' "$file"; done < "$work/files" |
    tar --null --no-recursion -T - -cf -) | tar -xf - -C "$tree" || { fail "copy of the tree"; finish; }

# Without analyzers: a patch need not be good style, only build. What it leaves unused is no error either.
build() {
  bounded dotnet build "$tree/$1" -c Release --artifacts-path "$built" --nologo -v quiet \
    -p:RunAnalyzers=false -p:TreatWarningsAsErrors=false -p:WarningLevel=0 "${@:2}" > "$work/build.log" 2>&1
}

# A patch leaves the shapes of a project as they are, so its one assembly, built alone, takes the place of the one beside the tests; what was
# there is kept in $work/kept. Only where a test then does not find what it calls, the whole project is built.
parts() { sed -nE 's#^\+\+\+ b/(src/[^/]*)/.*#\1#p' "$here/$1.patch" | sort -u; }
outputs() { echo "$built/bin/$(basename "$1")/release"; }
build_parts() { # mutation, project
  local part assembly
  rm -rf "$work/kept" && mkdir -p "$work/kept"
  for part in $(parts "$1"); do
    assembly=$(sed -nE 's#.*<AssemblyName>([^<]*)</AssemblyName>.*#\1#p' "$tree/$part"/*.csproj) # src/Host has a name of its own
    assembly=${assembly:-MiniMilvus.$(basename "$part")}.dll
    build "$part" --no-restore -p:BuildProjectReferences=false || return 1
    cp -p "$(outputs "$2")/$assembly" "$work/kept/" && cp "$(outputs "$part")/$assembly" "$(outputs "$2")/" || return 1
  done
}
put_back() { find "$work/kept" -name '*.dll' -exec cp -p {} "$(outputs "$1")/" \;; } # project

# Runs the tests and leaves "outcome name" lines, one for each case, in $work/outcomes, and "name: first line of its message" lines, one
# for each failed case, in $work/messages. Arguments: project, tests.
run_tests() {
  local project=$1 filter='' test dll
  shift
  for test in "$@"; do filter+="${filter:+|}FullyQualifiedName=$test"; done
  dll=$(outputs "$project")/MiniMilvus.$(basename "$project").dll
  rm -rf "$work/results"
  : > "$work/outcomes"
  : > "$work/messages"
  [ -f "$dll" ] || { echo "$project: no test assembly in $built" > "$work/test.log"; return; }
  bounded dotnet test "$dll" --nologo --filter "$filter" --results-directory "$work/results" --logger 'trx;LogFileName=run.trx' > "$work/test.log" 2>&1
  grep -o '<UnitTestResult [^>]*>' "$work/results/run.trx" 2> /dev/null |
    sed -E 's/.* testName="([^"(]*)[^"]*".* outcome="([^"]*)".*/\2 \1/' > "$work/outcomes"
  awk '/<UnitTestResult /{name=$0; sub(/.* testName="/,"",name); sub(/[("].*/,"",name); n=split(name,parts,"."); name=parts[n]}
    show{line=$0; sub(/<\/Message>.*/,"",line); sub(/^ +/,"",line); message=message " " line}
    /<Message>/{message=$0; sub(/.*<Message>/,"",message); sub(/<\/Message>.*/,"",message); show=1}
    show && /<\/Message>/{gsub(/&#xD;/,"",message); print name ": " substr(message,1,300); show=0}' "$work/results/run.trx" 2> /dev/null > "$work/messages"
}
saw() { grep -qxF "$1 $2" "$work/outcomes"; }

# ---- build once, and see every named test pass ------------------------------------------------------------------
projects=$(for name in "${ready[@]}"; do header project "$name"; done | sort -u)
printf '{"solution":{"path":"MiniMilvus.sln","projects":[%s]}}\n' \
  "$(for project in $projects; do printf '"%s/%s.csproj"\n' "$project" "$(basename "$project")"; done | paste -sd,)" > "$tree/mutations.slnf"
if ! limit=$((3 * limit)) build mutations.slnf; then
  grep -E 'error' "$work/build.log" | sort -u | head -5
  fail "the build without a patch"
  finish
fi
broken=$work/broken
: > "$broken"
for project in $projects; do
  mapfile -t tests < <(for name in "${ready[@]}"; do [ "$(header project "$name")" = "$project" ] && header test "$name"; done | sort -u)
  run_tests "$project" "${tests[@]}"
  for test in "${tests[@]}"; do
    if ! saw Passed "$test" || saw Failed "$test"; then echo "$test" >> "$broken"; fi
  done
done
echo "baseline: at $((SECONDS - started)) s"

# ---- one mutation after the other -------------------------------------------------------------------------------
for name in "${ready[@]}"; do
  project=$(header project "$name")
  mapfile -t tests < <(header test "$name")
  if bad=$(printf '%s\n' "${tests[@]}" | grep -xF -f "$broken"); then
    fail "$name: does not pass without the patch: $(echo "$bad" | tr '\n' ' ')"
    continue
  fi
  if ! (cd "$tree" && git apply "$here/$name.patch") > "$work/apply.log" 2>&1; then
    head -3 "$work/apply.log"
    fail "$name: the patch does not apply any more"
    continue
  fi
  if ! build_parts "$name" "$project"; then
    grep -E 'error' "$work/build.log" | sort -u | head -3
    fail "$name: the patched code does not build"
  else
    run_tests "$project" "${tests[@]}"
    if grep -qE 'Missing(Method|Field)Exception|TypeLoadException' "$work/messages" && build "$project" --no-restore; then
      run_tests "$project" "${tests[@]}"
    fi
    survivors=''
    for test in "${tests[@]}"; do saw Failed "$test" || survivors+=" $test"; done
    if [ -z "$survivors" ]; then
      pass "$name (at $((SECONDS - started)) s)"
      sort -u -t: -k1,1 "$work/messages" | sed 's/^/  /'
    else
      [ -s "$work/outcomes" ] || tail -3 "$work/test.log"
      fail "$name: survived$survivors"
    fi
  fi
  put_back "$project"
  (cd "$tree" && git apply -R "$here/$name.patch") || { fail "$name: could not be reverted"; finish; }
done
finish
}
