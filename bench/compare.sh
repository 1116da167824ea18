#!/usr/bin/env bash
# Measures gradus against libtorch: builds both bench programs, runs them in turns on the same core, or cores, and
# prints one line a case: both medians, their ratio, the bar of bench/bars.tsv. All figures go to a JSON file.
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: bench/compare.sh [options]
  --filter REGEX      only the cases that match (Google Benchmark's --benchmark_filter; default all)
  --repetitions N     runs of each program, in turns (default 9)
  --min-time SECONDS  measured time of a case in a run (default 0.05)
  --quick             3 repetitions of 0.01 s
  --threads N         threads of each program, each with a core of its own (default 1). Times are then those of the
                      clock, not of the processor, so the machine has to be idle
  --core N            the core both are pinned to, the last one of several (default: the machine's last one)
  --only SIDE         gradus or torch: that side's figures alone
  --out FILE          the JSON file (default build/bench/compare.json)
  --no-build          the programs are built already
  --strict            exit with 1 where a case is over its bar
TEXT
}

root=$(cd "$(dirname "$0")/.." && pwd)
filter='.*' repetitions=9 min_time=0.05 threads=1 core=$(($(nproc --all) - 1)) only='' out=$root/build/bench/compare.json
build=1 strict=()
while [ $# -gt 0 ]; do
  case $1 in
    --filter | --repetitions | --min-time | --threads | --core | --only | --out)
      [ $# -ge 2 ] || { echo "compare.sh: $1 needs a value" >&2; exit 2; }
      case $1 in
        --filter) filter=$2 ;;
        --repetitions) repetitions=$2 ;;
        --min-time) min_time=$2 ;;
        --threads) threads=$2 ;;
        --core) core=$2 ;;
        --only) only=$2 ;;
        --out) out=$2 ;;
      esac
      shift 2 ;;
    --quick) repetitions=3 min_time=0.01; shift ;;
    --no-build) build=0; shift ;;
    --strict) strict=(--strict); shift ;;
    -h | --help) usage; exit 0 ;;
    *) echo "compare.sh: unknown option $1" >&2; usage >&2; exit 2 ;;
  esac
done
[[ $repetitions =~ ^[1-9][0-9]*$ ]] || { echo "compare.sh: --repetitions $repetitions is no count" >&2; exit 2; }
[[ $threads =~ ^[1-9][0-9]*$ ]] || { echo "compare.sh: --threads $threads is no count" >&2; exit 2; }
[[ $core =~ ^[0-9]+$ ]] || { echo "compare.sh: --core $core is no number" >&2; exit 2; }
[ "$threads" -le $((core + 1)) ] || { echo "compare.sh: there are not $threads cores up to core $core" >&2; exit 2; }
cores=$((core - threads + 1))-$core
case $only in
  '') sides=(gradus torch) ;;
  gradus | torch) sides=("$only") ;;
  *) echo "compare.sh: --only takes gradus or torch, not $only" >&2; exit 2 ;;
esac
taskset -c "$cores" true || { echo "compare.sh: no cores $cores to pin to" >&2; exit 2; }

gradus_build=$root/build/release torch_build=$root/build/bench/torch
has() { [[ " ${sides[*]} " == *" $1 "* ]]; }
jobs=${JOBS:-$(nproc)}
if [ $build = 1 ]; then
  if has torch; then
    torch_dir=$("$root/bench/setup_torch.sh")
    cmake -S "$root/bench/torch" -B "$torch_build" -G Ninja -DTORCH_DIR="$torch_dir" >/dev/null
    cmake --build "$torch_build" --parallel "$jobs" >&2
  fi
  if has gradus; then
    (cd "$root" && cmake --preset release >/dev/null)
    cmake --build "$gradus_build" --parallel "$jobs" --target gradus_bench gradus_bench_memory >&2
  fi
fi

# MKL and OpenBLAS pick kernels by variables too; ours for OpenBLAS must not reach libtorch.
export BENCH_THREADS=$threads
run_gradus() { taskset -c "$cores" "$gradus_build/bench/$1" "${@:2}"; }
run_torch() { env -u OPENBLAS_CORETYPE -u OPENBLAS_NUM_THREADS taskset -c "$cores" "$torch_build/torch_$1" "${@:2}"; }
run() {
  if [ "$1" = gradus ]; then run_gradus "gradus_$2" "${@:3}"; else run_torch "${@:2}"; fi
}

runs=$(mktemp -d)
trap 'rm -rf "$runs"' EXIT
for ((i = 1; i <= repetitions; ++i)); do
  for side in "${sides[@]}"; do
    echo "run $i of $repetitions: $side" >&2
    # Fresh layouts of memory a repetition: each is a process of its own. A filter may match on one side only.
    run "$side" bench --benchmark_filter="$filter" --benchmark_min_time="$min_time" --benchmark_format=json \
      >"$runs/$side-$i.json" 2>"$runs/$side.err" || { cat "$runs/$side.err" >&2; exit 1; }
    if [[ memory/mlp_train =~ $filter ]] && [ "$i" -le 3 ]; then
      run "$side" bench_memory >"$runs/$side-$i.memory"
    fi
  done
done
mkdir -p "$(dirname "$out")"
python3 "$root/bench/compare_table.py" "$runs" --bars "$root/bench/bars.tsv" --threads "$threads" --out "$out" "${strict[@]}"
