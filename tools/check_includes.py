#!/usr/bin/env python3
"""Checks the dependency rule base <- graph <- ops <- {nn, optim, data} <- tools on every #include, and that
includes of our own headers are written from the root ("gradus/graph/tensor.h") and exist. Public headers of
graph/ and ops/ stay light: no <functional>, <iostream>, fmt or Abseil. Prints file:line of each violation and
exits with 1. --self-test plants violations in a temporary tree and expects each to be found.
"""

import pathlib
import re
import sys
import tempfile

# What each folder may include besides itself.
ALLOWED = {
    "base": set(),
    "graph": {"base"},
    "ops": {"base", "graph"},
    "nn": {"base", "graph", "ops"},
    "optim": {"base", "graph", "ops"},
    "data": {"base", "graph", "ops"},
    "tools": {"base", "graph", "ops", "nn", "optim", "data"},
}
HEAVY = re.compile(r"(functional|iostream|absl/.*|fmt/.*)")
INCLUDE = re.compile(r'\s*#\s*include\s*([<"])([^>"]+)[>"]')


def check(root):
    problems = []
    for folder, allowed in ALLOWED.items():
        for path in sorted((root / folder).rglob("*")):
            if path.suffix not in (".h", ".cc"):
                continue
            name = path.relative_to(root)
            # Headers that only our own sources include need not be light.
            light = folder in ("graph", "ops") and path.suffix == ".h" and not internal(name)
            for number, line in enumerate(path.read_text().splitlines(), 1):
                match = INCLUDE.match(line)
                if not match:
                    continue
                quote, target = match.groups()
                where = f"{name}:{number}"
                if light and HEAVY.fullmatch(target):
                    problems.append(f"{where}: a public header of {folder}/ must not include <{target}>")
                if target.startswith("gradus/"):
                    inner = pathlib.PurePath(target).relative_to("gradus")
                    other = inner.parts[0]
                    if other not in ALLOWED:
                        if folder != "tools":
                            problems.append(f"{where}: {folder}/ must not include {target}")
                    elif other != folder and other not in allowed:
                        problems.append(f"{where}: {folder}/ must not include {other}/ ({target})")
                    if not (root / inner).exists() and not generated(inner):
                        problems.append(f"{where}: {target} does not exist")
                elif quote == '"' and (path.parent / target).exists():
                    problems.append(f'{where}: write "{target}" from the root: "gradus/..."')
    return problems


def internal(name):
    """ops/kernels/ and *-inl.h are included by .cc files only."""
    return name.parts[:2] == ("ops", "kernels") or name.stem.endswith("-inl")


def generated(inner):
    """Headers that the build writes: none so far."""
    del inner
    return False


def self_test():
    cases = {
        "graph/a.cc": '#include "gradus/ops/b.h"',
        "base/a.h": '#include "gradus/graph/b.h"',
        "optim/a.cc": '#include "gradus/nn/b.h"',
        "nn/a.cc": '#include "gradus/optim/b.h"',
        "data/a.cc": "#  include <gradus/nn/b.h>",
        "ops/kernels/a.cc": '#include "gradus/tools/b.h"',
        "ops/a.h": "#include <functional>",
        "graph/c.h": "#include <absl/status/status.h>",
        "graph/d.cc": '#include "gradus/graph/missing.h"',
        "nn/c.cc": '#include "b.h"',
        "nn/d.cc": '#include "gradus/gradus.h"',
    }
    fine = {
        "ops/e.cc": '#include "gradus/graph/b.h"\n#include <functional>',
        "ops/kernels/e.h": "#include <functional>",
        "tools/e.cc": '#include "gradus/gradus.h"\n#include "gradus/nn/b.h"',
    }
    failures = []
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        for other in ALLOWED:
            (root / other / "kernels").mkdir(parents=True)
            (root / other / "b.h").write_text("")
        (root / "gradus.h").write_text("")
        for name, text in {**cases, **fine}.items():
            (root / name).write_text("// a comment\n" + text + "\n")
        problems = check(root)
        for name in cases:
            if sum(p.startswith(f"{name}:2:") for p in problems) != 1:
                failures.append(f"{name}: not found")
        failures += [f"false alarm: {p}" for p in problems if p.split(":")[0] in fine]
    return failures


if __name__ == "__main__":
    if sys.argv[1:] == ["--self-test"]:
        found = self_test()
    else:
        found = check(pathlib.Path(__file__).resolve().parent.parent)
    for problem in found:
        print(problem)
    sys.exit(1 if found else 0)
