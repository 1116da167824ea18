#!/usr/bin/env bash
# Everything that a change must pass on the way. Stops at the first section that fails and names it; the last lines
# are the summary that ctest printed. tools/analyze.sh has the thread sanitizer and clang-tidy; .ci/run calls both.
#   tools/test.sh            all of it
#   tools/test.sh --quick    packages, format, release build, tests
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

quick=no
case ${1:-} in
  "") ;;
  --quick) quick=yes ;;
  *)
    echo "test.sh: unknown option '$1'; the only one is --quick" >&2
    exit 2
    ;;
esac

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

sanitized() {
  mapfile -t programs < <(test_programs base graph ops nn optim data | sed 's/$/_sanitized/')
  build release "${programs[@]}" &&
    OMP_WAIT_POLICY=passive OMP_NUM_THREADS=2 \
      ASAN_OPTIONS=suppressions=$PWD/tests/asan.supp LSAN_OPTIONS=suppressions=$PWD/tests/lsan.supp \
      run_programs release '*' "${programs[@]}"
}

section "packages" bash tools/packages.sh test
section "format" check_format
section "release build" build release
section "tests" run_ctest
if [[ $quick == no ]]; then
  section "address and undefined behaviour sanitizers" sanitized
fi

printf '\n=== all sections passed in %d min %d s; the tests said:\n' $((SECONDS / 60)) $((SECONDS % 60))
sed -n '/tests passed/,$p' "$log/ctest"
