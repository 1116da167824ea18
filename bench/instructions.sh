#!/usr/bin/env bash
# Counts the instructions that one op costs, with callgrind: each overhead case runs twice with different numbers
# of ops, and the difference is divided by that of the numbers, so that start-up cancels. Unlike times the counts
# repeat to one instruction, on a busy machine too; the kernels are those of the processor that valgrind imitates (AVX2).
#
# usage: bench/instructions.sh [--filter REGEX] [--no-build] [--functions N]
#   --functions N   also the N functions with the most instructions an op
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
build=$root/build/release filter='' make=1 functions=0
while [ $# -gt 0 ]; do
  case $1 in
    --filter | --functions)
      [ $# -ge 2 ] || { echo "instructions.sh: $1 needs a value" >&2; exit 2; }
      if [ "$1" = --filter ]; then filter=$2; else functions=$2; fi
      shift 2 ;;
    --no-build) make=0; shift ;;
    -h | --help) sed -n '2,8s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) echo "instructions.sh: unknown option $1" >&2; exit 2 ;;
  esac
done
command -v valgrind >/dev/null || { echo "instructions.sh: valgrind is needed (Debian package valgrind)" >&2; exit 2; }

if [ $make = 1 ]; then
  (cd "$root" && cmake --preset release >/dev/null)
  cmake --build "$build" --parallel "${JOBS:-$(nproc)}" --target gradus_bench_instructions >&2
fi
program=$build/bench/gradus_bench_instructions
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# count CASE N FILE: all instructions of a run.
count() {
  valgrind --tool=callgrind --callgrind-out-file="$3" "$program" "$1" "$2" >"$work/log" 2>&1 ||
    { cat "$work/log" >&2; exit 1; }
  awk '/^(summary|totals):/ { print $2; exit }' "$3"
}

# Multiples of the chain's 100 ops, so far apart that what start-up varies by (tens of thousands of instructions)
# is less than one an op.
few=200 many=100200
printf '%-36s%14s\n' case instructions
while read -r name; do
  if [ -n "$filter" ] && ! [[ $name =~ $filter ]]; then continue; fi
  a=$(count "$name" $few "$work/few")
  b=$(count "$name" $many "$work/many")
  printf '%-36s%14d\n' "$name" $(((b - a) / (many - few)))
  if [ "$functions" -gt 0 ]; then
    python3 - "$work/few" "$work/many" $((many - few)) "$functions" <<'PY'
import re, subprocess, sys
few, many, ops, top = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
def by_function(path):
    text = subprocess.run(["callgrind_annotate", "--threshold=100", path], capture_output=True, text=True, check=True).stdout
    counts = {}
    for line in text.splitlines():
        found = re.match(r"\s*([\d,]+) (?:\(\s*[\d.]+%\)\s*)?\s*\S*?:(.+?)(?: \[.*\])?$", line)
        if found:
            counts[found[2]] = counts.get(found[2], 0) + int(found[1].replace(",", ""))
    return counts
before, after = by_function(few), by_function(many)
cost = sorted(((after[f] - before.get(f, 0)) / ops, f) for f in after)[::-1]
for instructions, function in cost[:top]:
    if instructions >= 0.5:
        print(f"    {instructions:10.1f}  {function[:110]}")
PY
  fi
done < <("$program")
