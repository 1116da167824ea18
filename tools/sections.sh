# What test.sh and analyze.sh share: sections with a header and a time, builds, and test programs run in shards.
# Sourced from the root of the source tree.

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
