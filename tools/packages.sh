#!/usr/bin/env bash
# The one list of the Debian 12 packages that gradus needs. Installs what is missing and nothing else.
#   tools/packages.sh run     to build the library and the tool and run the demo
#   tools/packages.sh test    also for tests, sanitizers and checks
#   tools/packages.sh bench   also for the comparison with libtorch
#   tools/packages.sh --list run|test|bench    prints the names
# Exit codes: 0 all there, 1 the installation failed, 2 something is missing and we may not install it.
set -euo pipefail

run_packages=(
  g++ cmake ninja-build
  libhwy-dev                                      # SIMD kernels
  libopenblas-openmp-dev libdnnl-dev              # matrix products, convolutions
  libabsl-dev libfmt-dev zlib1g-dev               # status values, messages, gzip
  libcli11-dev nlohmann-json3-dev                 # the command line, safetensors headers
  libonnx-dev libprotobuf-dev                     # models from other frameworks
  libzip-dev                                      # NumPy's and PyTorch's archives
  libpng-dev                                      # images
  libsqlite3-dev                                  # the trials of `gradus search`
  libgraphviz-dev graphviz gnuplot-nox            # pictures of graphs, loss curves
  dataset-fashion-mnist                           # the demo's images
  bible-kjv bible-kjv-text                        # the text of `gradus train gpt`
)
test_packages=(
  libgtest-dev libgmock-dev libbenchmark-dev
  clang clang-format clang-tidy libclang-rt-14-dev libomp-dev
  valgrind python3 git
  libonnx-testdata                                # the operators' test cases
  chromium                                        # the page of graphs
)
bench_packages=(
  python3-venv                                    # libtorch's virtual environment
)

only_list=no
if [[ ${1:-} == --list ]]; then
  only_list=yes
  shift
fi
case ${1:-run} in
  run) packages=("${run_packages[@]}") ;;
  test) packages=("${run_packages[@]}" "${test_packages[@]}") ;;
  bench) packages=("${run_packages[@]}" "${test_packages[@]}" "${bench_packages[@]}") ;;
  *)
    echo "packages.sh: unknown list '$1'; use run, test or bench" >&2
    exit 2
    ;;
esac
if [[ $only_list == yes ]]; then
  printf '%s\n' "${packages[@]}"
  exit 0
fi

if ! command -v dpkg-query >/dev/null; then
  echo "packages.sh: this is no Debian system (no dpkg-query); install the counterparts of:" >&2
  echo "  ${packages[*]}" >&2
  exit 2
fi

find_missing() {
  missing=()
  local package
  for package in "${packages[@]}"; do
    if [[ $(dpkg-query -W -f '${Status}' "$package" 2>/dev/null) != "install ok installed" ]]; then
      missing+=("$package")
    fi
  done
}

find_missing
if ((${#missing[@]} == 0)); then
  echo "packages: all ${#packages[@]} installed"
  exit 0
fi

as_root=()
if ((EUID != 0)); then
  if command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [[ -t 0 ]]; }; then
    as_root=(sudo)
  else
    echo "packages.sh: missing packages, and this is neither root nor a user with sudo: ${missing[*]}" >&2
    echo "Ask an administrator to run:" >&2
    echo "  apt-get update && apt-get install --no-install-recommends ${missing[*]}" >&2
    exit 2
  fi
fi

echo "packages: installing ${missing[*]}"
apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0)
"${apt[@]}" update || echo "packages.sh: apt-get update failed; trying with the lists that are there" >&2
if ! "${apt[@]}" install -y --no-install-recommends "${missing[@]}"; then
  echo "packages.sh: apt-get could not install: ${missing[*]}" >&2
  exit 1
fi
find_missing
if ((${#missing[@]} != 0)); then
  echo "packages.sh: still missing after the installation: ${missing[*]}" >&2
  exit 1
fi
echo "packages: all ${#packages[@]} installed"
