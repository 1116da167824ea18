#!/usr/bin/env bash
# Everything that must hold before a change goes in. Stops at the first section that fails and names it; the last
# lines are the summary that ctest printed.
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

jobs=$(nproc)
log=build/test-log
mkdir -p "$log"

# section NAME COMMAND...: a header, the command, the time it took.
section() {
  local name=$1 begin=$SECONDS
  shift
  printf '\n=== %s\n' "$name"
  if ! "$@"; then
    printf '\n=== FAILED: %s (after %d s)\n' "$name" $((SECONDS - begin))
    exit 1
  fi
  printf -- '--- %s: ok, %d s\n' "$name" $((SECONDS - begin))
}

# Tracked and new files; a folder that is not there yet is no error.
sources() { git ls-files -co --exclude-standard -- "$@" 2>/dev/null; }

check_format() {
  if ! sources '*.cc' '*.h' | xargs -r clang-format --dry-run -Werror >"$log/format" 2>&1; then
    echo "not formatted; run clang-format -i on:"
    sed -n 's/^\([^ :]*\):[0-9]*:[0-9]*: error: .*/  \1/p' "$log/format" | sort -u
    return 1
  fi
}

# build PRESET [TARGET...]
build() {
  local preset=$1
  shift
  cmake --preset "$preset" --log-level=WARNING >"$log/configure-$preset" 2>&1 ||
    { cat "$log/configure-$preset"; return 1; }
  if (($# > 0)); then
    cmake --build --preset "$preset" -j "$jobs" --target "$@"
  else
    cmake --build --preset "$preset" -j "$jobs"
  fi >"$log/build-$preset" 2>&1 || { grep -v '^\[[0-9]*/[0-9]*\] Building' "$log/build-$preset" | tail -60; return 1; }
  tail -1 "$log/build-$preset"
}

run_ctest() {
  local result=0
  ctest --preset release -j "$jobs" >"$log/ctest" 2>&1 || result=$?
  # What passed takes a line a test; the rest is what somebody wants to read.
  grep -vE '^ *Start +[0-9]+:| Passed +[0-9.]+ sec$' "$log/ctest" | tail -300
  return $result
}

# The GoogleTest programs of a preset whose folder exists, as target names.
test_programs() {
  local folder
  for folder in "$@"; do
    if [[ -n $(sources "tests/$folder/*.cc") ]]; then echo "tests_$folder"; fi
  done
}

# run_programs PRESET FILTER PROGRAM...: each program in as many shards as there are cores, side by side.
# Quiet where all is well; prints the log of a shard that failed.
run_programs() {
  local preset=$1 filter=$2 program shard failed=no
  shift 2
  for program in "$@"; do
    local pids=()
    for ((shard = 0; shard < jobs; ++shard)); do
      GTEST_TOTAL_SHARDS=$jobs GTEST_SHARD_INDEX=$shard "build/$preset/tests/$program" \
        --gtest_filter="$filter" --gtest_brief=1 >"$log/$preset-$program-$shard" 2>&1 &
      pids+=($!)
    done
    for ((shard = 0; shard < jobs; ++shard)); do
      if ! wait "${pids[$shard]}"; then
        failed=yes
        printf '%s, shard %d of %d:\n' "$program" $((shard + 1)) "$jobs"
        tail -150 "$log/$preset-$program-$shard"
      fi
    done
    local ran
    ran=$(cat "$log/$preset-$program"-* | awk '/^\[==========\] [0-9]+ tests? from .* ran\./ {n += $2} END {print n + 0}')
    printf '%s %s: %d tests\n' "$preset" "$program" "$ran"
    if ((ran == 0)); then
      echo "no test of $program ran"
      failed=yes
    fi
  done
  [[ $failed == no ]]
}

asan() {
  mapfile -t programs < <(test_programs base graph ops nn optim data)
  build asan "${programs[@]}" &&
    OMP_WAIT_POLICY=passive OMP_NUM_THREADS=2 LSAN_OPTIONS=suppressions=$PWD/tests/lsan.supp \
      run_programs asan '*' "${programs[@]}"
}

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
  sources 'base/*.cc' 'graph/*.cc' 'ops/*.cc' 'nn/*.cc' 'optim/*.cc' 'data/*.cc' 'tools/*.cc' |
    xargs -r -P "$jobs" -n 1 sh -c 'clang-tidy -p build/release --quiet --extra-arg=-DHWY_COMPILE_ONLY_STATIC "$0" 2>/dev/null ||
      { echo "clang-tidy: $0"; exit 1; }'
}

section "packages" bash tools/packages.sh test
section "format" check_format
section "release build" build release
section "tests" run_ctest
if [[ $quick == no ]]; then
  section "address and undefined behaviour sanitizers" asan
  section "thread sanitizer" tsan
  section "clang-tidy" tidy
fi

printf '\n=== all sections passed in %d min %d s; the tests said:\n' $((SECONDS / 60)) $((SECONDS % 60))
sed -n '/tests passed/,$p' "$log/ctest"
