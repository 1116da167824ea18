#!/usr/bin/env bash
# The tests under sanitizers, and clang-tidy over all sources. Stops at the first section that fails and names it.
#   tools/analyze.sh          all of it; about an hour on two cores
#   tools/analyze.sh --part   about ten minutes of it, by the number of commits: every other one the address and
#                             undefined behaviour sanitizers, else in turns the thread sanitizer and clang-tidy over
#                             half of the sources
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

part=all
case ${1:-} in
  "") ;;
  --part) part=$(($(git rev-list --count HEAD) % 8)) ;;
  *)
    echo "analyze.sh: unknown option '$1'; the only one is --part" >&2
    exit 2
    ;;
esac

source tools/sections.sh

# The library is built for them a second time, in the same tree; the objects of the tests are those of test.sh.
sanitized() {
  mapfile -t programs < <(test_programs base graph ops nn optim data | sed 's/$/_sanitized/')
  build release "${programs[@]}" &&
    OMP_WAIT_POLICY=passive OMP_NUM_THREADS=2 \
      ASAN_OPTIONS=suppressions=$PWD/tests/asan.supp LSAN_OPTIONS=suppressions=$PWD/tests/lsan.supp \
      run_programs release '*' "${programs[@]}"
}

# Tests with threads in them say so in their name.
thread_tests='*hread*:*Parallel*:*Prefetch*:*Concurrent*'
tsan() {
  mapfile -t programs < <(test_programs base graph data)
  build tsan "${programs[@]}" &&
    OMP_WAIT_POLICY=passive TSAN_OPTIONS="halt_on_error=1 suppressions=$PWD/tests/tsan.supp" \
      run_programs tsan "$thread_tests" "${programs[@]}"
}

# All sources, or every other one.
tidy_sources() {
  sources 'base/*.cc' 'graph/*.cc' 'ops/*.cc' 'nn/*.cc' 'optim/*.cc' 'data/*.cc' 'tools/*.cc' | sort |
    if [[ $part == all ]]; then cat; else awk -v part="$part" 'NR % 2 == (part > 4)'; fi
}

# clang's own compiler reads every file here too, without the precompiled headers: this is also the check that clang
# accepts the sources, and that each file includes what it uses.
tidy() {
  cmake --preset tidy --log-level=WARNING >"$log/configure-tidy" 2>&1 || { cat "$log/configure-tidy"; return 1; }
  tidy_sources |
    xargs -r -P "$jobs" -n 1 sh -c 'clang-tidy -p build/tidy --quiet --extra-arg=-DHWY_COMPILE_ONLY_STATIC "$0" 2>/dev/null ||
      { echo "clang-tidy: $0"; exit 1; }'
}

section "packages" bash tools/packages.sh test
if [[ $part =~ ^(all|1|3|5|7)$ ]]; then
  section "address and undefined behaviour sanitizers" sanitized
fi
if [[ $part =~ ^(all|0|4)$ ]]; then section "thread sanitizer" tsan; fi
if [[ $part =~ ^(all|2|6)$ ]]; then section "clang-tidy" tidy; fi

printf '\n=== all sections passed in %d min %d s\n' $((SECONDS / 60)) $((SECONDS % 60))
