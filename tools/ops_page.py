#!/usr/bin/env python3
"""Writes docs/ops.md: every op of the library by family. What an op computes, takes and refuses comes from its
definition (`gradus ops --json`), how its derivative is made from the comment at the top of its file, the functions
composed of ops from the headers ops/<family>.h.

usage: tools/ops_page.py GRADUS [--check]
  GRADUS    the built gradus command
  --check   write nothing; exit with 1 where docs/ops.md is not what would be written
"""

import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "ops.md"
DEFINITION = re.compile(r"^(?:(?:extern|constinit|const) )*OpDef op_([a-z0-9_]+) = \{", re.M)
DECLARATION = re.compile(
    r"((?:^//[^\n]*\n)*)^(?:\[\[nodiscard\]\] )?(?:std::vector<Tensor>|std::pair<Tensor, Tensor>|std::tuple<[^>]*>|\w*Result|\w+|Tensor) "
    r"([a-z][a-z0-9_]*)\(([^;]*?)\);", re.M)


def file_comment(text):
    lines = []
    for line in text.splitlines():
        if not line.startswith("//"):
            break
        lines.append(line[2:].strip())
    return " ".join(lines)


def op_files():
    """op name -> (family, comment of its file)"""
    found = {}
    for path in sorted((ROOT / "ops").glob("*/*.cc")):
        text = path.read_text()
        for name in DEFINITION.findall(text):
            found[name] = (path.parent.name, file_comment(text))
    return found


def declared_functions():
    """family -> {function: its comment}, in the headers' order"""
    families = {}
    for path in sorted((ROOT / "ops").glob("*.h")):
        functions = families.setdefault(path.stem, {})
        comment = ""
        for block, name, _ in DECLARATION.findall(path.read_text()):
            if block:
                comment = " ".join(line[2:].strip() for line in block.splitlines())
            functions.setdefault(name, comment)
    return families


def code(text):
    return "`" + text.replace("|", "\\|") + "`"


def public_headers():
    """The text of the headers that users include, ops/*.h, and of what these include from folders of ops/."""
    texts = [path.read_text() for path in sorted((ROOT / "ops").glob("*.h"))]
    parts = {name for text in texts for name in re.findall(r'#include "gradus/(ops/\w+/\w+\.h)"', text)}
    return "\n".join(texts + [(ROOT / part).read_text() for part in sorted(parts)])


def cell(text):
    return text.replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*").replace("_", "\\_")


def gradient(op, comment):
    if "no_gradient" in op:
        return f"none: {op['no_gradient']}"
    found = re.search(r"Derivative[^:]*: (.*)", comment)
    return found.group(1) if found else "of any order"


def write_op(op, comment, out):
    out.append(f"### {op['name']}\n")
    out.append(f"`{op['signature']}`: {cell(op['doc'])}.\n")
    rows = []
    if "formula" in op:
        rows.append(("formula", code(op["formula"])))
    for a in op["attributes"]:
        default = f" = {a['default']}" if "default" in a else ""
        rows.append((f"`{a['name']}`", f"{a['type']}{cell(default)}"))
    if op["shapes"]:
        rows.append(("shapes", "; ".join(map(code, op["shapes"]))))
    if op["dtypes"]:
        rows.append(("dtypes", " ".join(op["dtypes"])))
    if op["kinds"]:
        rows.append(("kind", ", ".join(op["kinds"])))
    rows.append(("gradient", cell(gradient(op, comment))))
    if op.get("keeps"):
        rows.append(("keeps", "; ".join(f"for {cell(k)}: {cell(v)}" for k, v in op["keeps"].items())))
    if "onnx" in op:
        rows.append(("ONNX", op["onnx"]))
    out.append("| | |\n| --- | --- |")
    out += [f"| {title} | {text} |" for title, text in rows]
    out.append("")


def make_page(ops):
    files = op_files()
    declared = declared_functions()
    families = {}
    for op in ops:
        family, comment = files[op["name"]]
        families.setdefault(family, []).append((op, comment))
    headers = public_headers()
    public = {op["name"] for op in ops if re.search(rf"\b{op['name']}\(", headers)}
    out = [
        "# Ops",
        "",
        f"All {len(ops)} ops, made from their definitions by `tools/ops_page.py`; a test fails when this page is stale. "
        "`gradus ops NAME` says the same of one op, with an example and what it refuses. "
        "The shapes are those of the op's own samples. Values and gradients at kinks, ties and the like: "
        "[numerics.md](numerics.md).",
        "",
        " ".join(f"[{family}](#{family})" for family in sorted(families)),
        "",
    ]
    for family in sorted(families):
        out.append(f"## {family}\n")
        inner = []
        for op, comment in sorted(families[family], key=lambda pair: pair[0]["name"]):
            if op["name"] in public:
                write_op(op, comment, out)
            else:
                inner.append(op)
        own = {op["name"] for op in ops}
        composed = [(n, c) for n, c in declared.get(family, {}).items() if n not in own and c]
        if composed:
            out.append("Composed of ops, with derivatives of any order by theirs:\n")
            out += [f"- `{name}`: {cell(comment)}" for name, comment in sorted(composed)]
            out.append("")
        if inner:
            out.append("Used by the above:\n")
            out += [f"- `{op['signature']}`: {cell(op['doc'])}" for op in inner]
            out.append("")
    return "\n".join(out).rstrip() + "\n"


def main():
    arguments = sys.argv[1:]
    check = "--check" in arguments
    arguments = [a for a in arguments if a != "--check"]
    if len(arguments) != 1:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    ops = json.loads(subprocess.run([arguments[0], "ops", "--json"], check=True, capture_output=True).stdout)
    page = make_page(ops)
    if not check:
        PAGE.write_text(page)
        return 0
    if not PAGE.exists() or PAGE.read_text() != page:
        print("docs/ops.md is stale; run: tools/ops_page.py build/release/gradus", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
