#!/usr/bin/env bash
# Puts libtorch, the peer that bench/compare.sh measures against, into a virtual environment of its own
# (build/venv-torch). Only what its CPU library needs to link and run is installed: the wheel itself and the two
# CUDA run-time packages that libtorch_cpu.so names as needed; the gigabytes of GPU kernels beside them are not.
# Running it again does nothing when the version is there already.
#
# usage: bench/setup_torch.sh [VERSION]     (default 2.15.0; prints the folder of the torch package)
set -euo pipefail
version=${1:-2.15.0}
root=$(cd "$(dirname "$0")/.." && pwd)
venv=$root/build/venv-torch

if ! command -v python3 >/dev/null || ! python3 -c 'import venv, ensurepip' 2>/dev/null; then
  echo "setup_torch.sh: python3 with its venv module is needed (tools/packages.sh bench)" >&2
  exit 2
fi
[ -x "$venv/bin/pip" ] || python3 -m venv "$venv" >&2

python=$venv/bin/python
torch_dir=$("$python" -c 'import sysconfig; print(sysconfig.get_paths()["purelib"] + "/torch")')

installed() { "$python" -c "import importlib.metadata as m; print(m.version('$1'))" 2>/dev/null || true; }

if [ "$(installed torch)" != "$version" ]; then
  echo "setup_torch.sh: installing torch $version into $venv" >&2
  "$python" -m pip install --quiet --no-cache-dir --no-deps "torch==$version" >&2
fi

# A CUDA that the system happens to have does not count: the peer should be the same on every machine.
missing() {
  ldd "$torch_dir/lib/libtorch_cpu.so" | grep -E 'not found|lib(cupti|cudart)' |
    grep -vF "$(dirname "$(realpath "$torch_dir")")" || true
}

if [ -n "$(missing)" ]; then
  # The wheel's own metadata says which CUDA release it was built with; take cudart and cupti of that one.
  toolkit=$("$python" - <<'PY'
import importlib.metadata as m, re
for line in m.requires("torch") or []:
    found = re.match(r"cuda-toolkit\[[^\]]*\]\s*(==\s*[\w.]+)", line)
    if found:
        print("cuda-toolkit[cudart,cupti]" + found.group(1).replace(" ", ""))
        break
else:  # wheels before CUDA 13 name the packages one by one
    for line in m.requires("torch") or []:
        if re.match(r"nvidia-cuda-(runtime|cupti)", line):
            print(line.split(";")[0].strip())
PY
)
  if [ -n "$toolkit" ]; then
    # shellcheck disable=SC2086  # one requirement a word
    "$python" -m pip install --quiet --no-cache-dir --no-warn-conflicts $toolkit >&2
  fi
fi

if [ -n "$(missing)" ]; then
  echo "setup_torch.sh: libtorch_cpu.so still lacks:" >&2
  missing >&2
  exit 1
fi
echo "$torch_dir"
