#!/usr/bin/env python3
"""Makes the pictures of docs/graphs.md by the commands that stand on the page.
  docs/images/rebuild.py build/release/gradus            writes them
  docs/images/rebuild.py build/release/gradus --check    draws them into a temporary folder and compares what
                                                         they say: places differ with the version of Graphviz
Exit codes: 0 done or the same, 1 a picture differs, 2 a command failed.
"""

import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PAGES = ["docs/graphs.md"]


def commands():
    """Arguments of `gradus` that write a picture."""
    for page in PAGES:
        for block in re.findall(r"^```sh\n(.*?)^```$", (ROOT / page).read_text(), re.M | re.S):
            for line in block.splitlines():
                words = shlex.split(line)
                if words[:1] == ["gradus"] and any("docs/images/" in w for w in words):
                    yield words[1:]


def texts(svg):
    return sorted(re.findall(r"<text[^>]*>([^<]*)</text>", svg))


def main():
    if len(sys.argv) < 2 or sys.argv[2:] not in ([], ["--check"]):
        print(__doc__, file=sys.stderr)
        return 2
    tool = pathlib.Path(sys.argv[1]).resolve()
    check = sys.argv[2:] == ["--check"]
    differs = False
    with tempfile.TemporaryDirectory() as folder:
        where = pathlib.Path(folder) if check else ROOT
        (where / "docs/images").mkdir(parents=True, exist_ok=True)
        for args in commands():
            done = subprocess.run([tool, *args], cwd=where, capture_output=True, text=True)
            if done.returncode != 0:
                print(f"gradus {' '.join(args)}: {done.stderr.strip()}", file=sys.stderr)
                return 2
            name = args[args.index("--out") + 1]
            if not check:
                print(name)
            elif texts((where / name).read_text()) != texts((ROOT / name).read_text()):
                print(f"{name} is not what `gradus {' '.join(args)}` draws; run docs/images/rebuild.py")
                differs = True
    return 1 if differs else 0


if __name__ == "__main__":
    sys.exit(main())
