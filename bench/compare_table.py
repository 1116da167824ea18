#!/usr/bin/env python3
"""Turns the runs that bench/compare.sh left in a folder into its table and one JSON file.

A run is Google Benchmark's JSON (<side>-<n>.json) or a peak of memory in KiB (<side>-<n>.memory). Times of one
thread are CPU times: on a busy machine the time in which another process had the core does not count. Those of
several threads are the clock's. The ratio is the median of
the ratios within a repetition, where both sides ran one after the other, so that a slow drift of the machine cancels.
"""

import argparse
import fnmatch
import json
import pathlib
import statistics
import sys

NANOSECONDS = {"ns": 1, "us": 1e3, "ms": 1e6, "s": 1e9}
SIDES = ("gradus", "torch")


def read_runs(folder, threads):
    """{side: {case: {repetition: figure}}}, in the order in which the cases ran, and the library versions."""
    figures = {side: {} for side in SIDES}
    kind = "cpu_time" if threads == 1 else "real_time"
    versions = {}
    for path in sorted(folder.iterdir(), key=lambda p: (p.suffix != ".json", p.name)):
        side, _, number = path.stem.partition("-")
        if side not in SIDES or not number.isdigit():
            continue
        if path.suffix == ".memory":
            figures[side].setdefault("memory/mlp_train", {})[int(number)] = float(path.read_text()) * 1024
        elif path.suffix == ".json" and path.stat().st_size > 0:
            run = json.loads(path.read_text())
            versions[side] = run["context"].get("library", side)
            for case in run["benchmarks"]:
                if case.get("run_type", "iteration") != "iteration":
                    continue
                if case.get("error_occurred"):
                    sys.exit(f"compare: {side} {case['name']}: {case.get('error_message')}")
                time = case[kind] * NANOSECONDS[case["time_unit"]]
                figures[side].setdefault(case["name"], {})[int(number)] = time
    return figures, versions


def read_bars(path):
    rows = []
    for line in path.read_text().splitlines():
        if line and not line.startswith("#"):
            pattern, bar = line.split("\t")[:2]
            rows.append((pattern, None if bar == "-" else float(bar)))
    return rows


def bar_of(case, bars):
    return next((bar for pattern, bar in bars if fnmatch.fnmatchcase(case, pattern)), None)


def compare(case, gradus, torch, bars):
    row = {"case": case, "unit": "bytes" if case.startswith("memory/") else "ns", "bar": bar_of(case, bars)}
    for side, runs in (("gradus", gradus), ("torch", torch)):
        row[side] = statistics.median(runs.values()) if runs else None
        row[side + "_min"] = min(runs.values()) if runs else None
        row[side + "_runs"] = [runs[n] for n in sorted(runs)]
    pairs = [gradus[n] / torch[n] for n in sorted(gradus) if n in torch]
    row["ratio"] = statistics.median(pairs) if pairs else None
    if row["ratio"] is None:
        row["verdict"] = "one side only"
    elif row["bar"] is None:
        row["verdict"] = ""
    else:
        row["verdict"] = "ok" if row["ratio"] <= row["bar"] else "OVER"
    return row


def show(value, unit):
    if value is None:
        return "-"
    if unit == "bytes":
        return f"{value / 2**20:.1f} MiB"
    for limit, divisor, name in ((1e4, 1, "ns"), (1e7, 1e3, "us"), (1e10, 1e6, "ms")):
        if value < limit:
            return f"{value / divisor:.1f} {name}"
    return f"{value / 1e9:.1f} s"


def processor():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return "unknown processor"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", type=pathlib.Path)
    parser.add_argument("--bars", type=pathlib.Path, required=True)
    parser.add_argument("--threads", type=int, default=1, help="of each program")
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--strict", action="store_true", help="exit with 1 where a case is over its bar")
    options = parser.parse_args()

    figures, versions = read_runs(options.runs, options.threads)
    bars = read_bars(options.bars)
    cases = list(dict.fromkeys([*figures["gradus"], *figures["torch"]]))
    if not cases:
        sys.exit("compare: no case matches the filter")
    rows = [compare(case, figures["gradus"].get(case, {}), figures["torch"].get(case, {}), bars) for case in cases]
    report = {"processor": processor(), "threads": options.threads, "libraries": versions, "cases": rows}
    options.out.write_text(json.dumps(report, indent=1) + "\n")

    count = "one thread" if options.threads == 1 else f"{options.threads} threads"
    print(f"{report['processor']}; {count}; " + " against ".join(versions[s] for s in SIDES if s in versions))
    print(f"{'case':36}{'gradus':>12}{'torch':>12}{'ratio':>8}{'bar':>8}  ")
    for row in rows:
        ratio = "-" if row["ratio"] is None else f"{row['ratio']:.3f}"
        bar = "-" if row["bar"] is None else f"{row['bar']:.3f}"
        times = f"{show(row['gradus'], row['unit']):>12}{show(row['torch'], row['unit']):>12}"
        print(f"{row['case']:36}{times}{ratio:>8}{bar:>8}  {row['verdict']}".rstrip())
    judged = [row for row in rows if row["verdict"] in ("ok", "OVER")]
    over = [row["case"] for row in judged if row["verdict"] == "OVER"]
    print(f"{len(judged) - len(over)} of {len(judged)} judged cases within their bar; figures in {options.out}")
    return 1 if over and options.strict else 0


if __name__ == "__main__":
    sys.exit(main())
