#!/usr/bin/env bash
# Builds everything and runs the tests. Stops at the first section that fails and names it; the last lines are the
# summary that ctest printed. tools/analyze.sh has the sanitizers and clang-tidy; .ci/run calls both.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if (($# > 0)); then
  echo "test.sh: takes no options, but was given '$1'" >&2
  exit 2
fi

source tools/sections.sh

check_format() {
  if ! sources '*.cc' '*.h' | xargs -r clang-format --dry-run -Werror >"$log/format" 2>&1; then
    echo "not formatted; run clang-format -i on:"
    sed -n 's/^\([^ :]*\):[0-9]*:[0-9]*: error: .*/  \1/p' "$log/format" | sort -u
    return 1
  fi
}

run_ctest() {
  local result=0
  ctest --preset release -j "$jobs" >"$log/ctest" 2>&1 || result=$?
  # What passed takes a line a test; the rest is what somebody wants to read.
  grep -vE '^ *Start +[0-9]+:| Passed +[0-9.]+ sec$' "$log/ctest" | tail -300
  return $result
}

section "packages" bash tools/packages.sh test
section "format" check_format
section "release build" build release
section "tests" run_ctest

printf '\n=== all sections passed in %d min %d s; the tests said:\n' $((SECONDS / 60)) $((SECONDS % 60))
sed -n '/tests passed/,$p' "$log/ctest"
