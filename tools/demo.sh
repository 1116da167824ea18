#!/usr/bin/env bash
# From a fresh Debian 12 to a trained classifier and a picture of the graph that its training recorded.
#   tools/demo.sh [OUT]    OUT is the folder for the results, out/demo if not given
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
out=${1:-out/demo}

bash tools/packages.sh run
cmake --preset release -DGRADUS_TESTS=OFF -DGRADUS_BENCH=OFF --log-level=WARNING >/dev/null
cmake --build --preset release --target gradus_tool
build/release/gradus train fashion-mnist --model mlp --epochs 3 --out "$out"

echo
echo "The results are in $out:"
for file in graph.svg loss.svg graph.dot history.csv weights.safetensors; do
  if [[ ! -s $out/$file ]]; then
    echo "demo.sh: the training wrote no $out/$file" >&2
    exit 1
  fi
done
echo "  $out/graph.svg            the graph of one training step (graph.dot: the same as text)"
echo "  $out/loss.svg             the loss curves"
echo "  $out/history.csv          loss and accuracy of each epoch"
echo "  $out/weights.safetensors  the trained weights"
echo "More: build/release/gradus --help, for example"
echo "  build/release/gradus eval fashion-mnist --weights $out/weights.safetensors"
