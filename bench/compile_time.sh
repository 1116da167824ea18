#!/usr/bin/env bash
# What an include costs a user: the time to compile a file that holds the umbrella header and an empty main, at
# -O2, median of five; gradus's and, where bench/setup_torch.sh was run, libtorch's. CPU seconds of the compiler,
# so that other work on the machine does not count. Exit code 1 where gradus takes the bar or more.
#
# usage: bench/compile_time.sh [--no-torch]        CXX chooses the compiler (default g++)
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
bar=1.5
torch=1
case ${1-} in
  '') ;;
  --no-torch) torch=0 ;;
  *) echo "compile_time.sh: unknown option $1" >&2; exit 2 ;;
esac
cxx=${CXX:-g++}
export CCACHE_DISABLE=1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# median HEADER RUNS FLAGS...: CPU seconds.
median() {
  printf '#include <%s>\n\nint main() {}\n' "$1" >"$work/main.cc"
  local runs=$2 i TIMEFORMAT='%U %S'
  shift 2
  for ((i = 0; i < runs; ++i)); do
    { time "$cxx" -std=c++20 -O2 "$@" -c "$work/main.cc" -o "$work/main.o" 2>"$work/errors"; } 2>>"$work/times" ||
      { cat "$work/errors" >&2; exit 1; }
  done
  awk '{ print $1 + $2 }' "$work/times" | sort -n | sed -n "$(((runs + 1) / 2))p"
  rm "$work/times"
}

if [ ! -e "$root/build/include/gradus" ]; then
  mkdir -p "$root/build/include"
  ln -s ../.. "$root/build/include/gradus"
fi
time_gradus=$(median gradus/gradus.h 5 -I"$root/build/include")
printf '%-20s%8.2f s   bar %.2f s\n' gradus/gradus.h "$time_gradus" $bar
venv=$root/build/venv-torch
if [ $torch = 1 ] && [ -x "$venv/bin/python" ]; then
  torch_dir=$("$root/bench/setup_torch.sh")
  time_torch=$(median torch/torch.h 5 -isystem "$torch_dir/include" \
    -isystem "$torch_dir/include/torch/csrc/api/include")
  printf '%-20s%8.2f s\n' torch/torch.h "$time_torch"
fi
awk "BEGIN { exit !($time_gradus < $bar) }"
