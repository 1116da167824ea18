#!/usr/bin/env bash
# Makes the pictures of these pages again: runs lessons in full and takes over the pictures that their pages show.
#   docs/lecture/rebuild.sh GRADUS [LESSON...]      GRADUS: the command, such as build/release/gradus; without a
#                                                   LESSON all of them, about twenty minutes
set -euo pipefail

if [ $# -lt 1 ]; then
  echo 'rebuild.sh: usage: docs/lecture/rebuild.sh GRADUS [LESSON...]' >&2
  exit 2
fi
gradus=$(realpath "$1")
shift
cd "$(dirname "${BASH_SOURCE[0]}")"
if [ $# -eq 0 ]; then mapfile -t lessons < <("$gradus" lecture list | cut -d' ' -f1); else lessons=("$@"); fi
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

for lesson in "${lessons[@]}"; do
  "$gradus" lecture "$lesson" --out "$out"
  grep -o "]($lesson-[a-z0-9-]*\.svg)" "$lesson.md" | tr -d '()]' | while read -r picture; do
    cp "$out/${picture#"$lesson"-}" "$picture"
  done
done
