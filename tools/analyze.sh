#!/usr/bin/env bash
# The thread sanitizer over the tests that use threads, and clang-tidy over all sources. Stops at the first section
# that fails and names it.
#   tools/analyze.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if (($# > 0)); then
  echo "analyze.sh: it takes no option, but got '$1'" >&2
  exit 2
fi

source tools/sections.sh

# Tests with threads in them say so in their name.
thread_tests='*hread*:*Parallel*:*Prefetch*:*Concurrent*'
tsan() {
  mapfile -t programs < <(test_programs base graph data)
  build tsan "${programs[@]}" &&
    OMP_WAIT_POLICY=passive TSAN_OPTIONS="halt_on_error=1 suppressions=$PWD/tests/tsan.supp" \
      run_programs tsan "$thread_tests" "${programs[@]}"
}

# clang's own compiler reads every file here too, so this is also the check that clang accepts the sources.
tidy() {
  cmake --preset release --log-level=WARNING >"$log/configure-release" || return 1
  sources 'base/*.cc' 'graph/*.cc' 'ops/*.cc' 'nn/*.cc' 'optim/*.cc' 'data/*.cc' 'tools/*.cc' |
    xargs -r -P "$jobs" -n 1 sh -c 'clang-tidy -p build/release --quiet --extra-arg=-DHWY_COMPILE_ONLY_STATIC "$0" 2>/dev/null ||
      { echo "clang-tidy: $0"; exit 1; }'
}

section "packages" bash tools/packages.sh test
section "thread sanitizer" tsan
section "clang-tidy" tidy

printf '\n=== all sections passed in %d min %d s\n' $((SECONDS / 60)) $((SECONDS % 60))
