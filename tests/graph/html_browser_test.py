#!/usr/bin/env python3
"""Drives the HTML page of graphs in headless Chromium: opens it, searches, clicks, expands, colours, follows a gradient, all
by mouse and keys. Prints how fast a graph of 20,000 nodes opens and pans.

usage: html_browser_test.py GRADUS [--keep FOLDER]     FOLDER gets the pages and pictures of them
Exit code 77 where there is no Chromium."""
import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time

from chromium import Browser, find_chromium

sys.stdout.reconfigure(line_buffering=True)


class Snapshot:
    """A snapshot as docs/graphs.md describes it, with the times and gradients of a profile."""

    def __init__(self, title):
        self.title, self.nodes = title, []

    def add(self, op="", inputs=(), shape=(), module="", name="", kind="op", dtype="f32", where="model.cc:31", **more):
        node = {"outputs": [{"shape": list(shape), "dtype": dtype}], **more}
        if name:
            node["outputs"][0]["name"] = name
        if module:
            node["module"] = module
        if kind != "op":
            node["kind"] = kind
        if kind in ("op", "view"):
            i = len(self.nodes)
            node.update(op=op, inputs=[[k, 0] for k in inputs], where=where, flops=1000 * (i % 97), forward_ns=500 + 37 * (i % 211),
                        backward_ns=900 + 53 * (i % 199), saved_bytes=4096 * (i % 13))
        if kind != "input":
            norm = 10.0 ** -(len(self.nodes) % 7)
            node.setdefault("gradient", {"min": -norm, "max": norm, "mean": 0, "norm": norm, "nan": 0, "inf": 0})
        self.nodes.append(node)
        return len(self.nodes) - 1

    def write(self, path):
        with open(path, "w") as file:
            json.dump({"format": "gradus graph", "version": 1, "title": self.title, "nodes": self.nodes}, file)


def transformer(layers):
    s = Snapshot(f"transformer {layers}")

    def parameter(name, shape):
        return s.add(kind="parameter", name=name, shape=shape, module=name.rpartition(".")[0])

    def linear(x, module, outputs):
        return s.add("linear", [x, parameter(module + ".weight", [outputs, 128]), parameter(module + ".bias", [outputs])],
                     [4, 64, outputs], module)

    def norm(x, module):
        return s.add("layer_norm", [x, parameter(module + ".weight", [128]), parameter(module + ".bias", [128])], [4, 64, 128], module)

    tokens = s.add(kind="input", name="tokens", shape=[4, 64], dtype="i64")
    h = s.add("embedding", [tokens, parameter("embed.weight", [256, 128])], [4, 64, 128], "embed")
    for i in range(layers):
        layer = f"layers.{i}"
        qkv = linear(norm(h, layer + ".norm1"), layer + ".attn.in_proj", 384)
        heads = []
        for _ in range(3):
            part = s.add("slice", [qkv], [4, 64, 128], layer + ".attn", kind="view")
            part = s.add("reshape", [part], [4, 64, 4, 32], layer + ".attn", kind="view")
            heads.append(s.add("transpose", [part], [4, 4, 64, 32], layer + ".attn", kind="view"))
        a = s.add("scaled_dot_product_attention", heads, [4, 4, 64, 32], layer + ".attn", where="attention.cc:77",
                  attributes=[{"name": "is_causal", "type": "bool", "value": True}])
        a = s.add("transpose", [a], [4, 64, 4, 32], layer + ".attn", kind="view")
        a = linear(s.add("reshape", [a], [4, 64, 128], layer + ".attn"), layer + ".attn.out_proj", 128)
        h = s.add("add", [h, a], [4, 64, 128], layer)
        f = s.add("gelu", [linear(norm(h, layer + ".norm2"), layer + ".fc1", 512)], [4, 64, 512], layer)
        h = s.add("add", [h, linear(f, layer + ".fc2", 128)], [4, 64, 128], layer)
    logits = linear(norm(h, "norm"), "head", 256)
    s.nodes[logits]["outputs"][0]["name"] = "logits"
    s.add("cross_entropy", [logits], [], name="loss \"<b>\u2603</b></script>", root=True)
    return s


class Tests:
    def __init__(self, gradus, folder):
        self.gradus, self.folder, self.failures = gradus, folder, 0

    def check(self, what, is_right, seen=""):
        if not is_right:
            self.failures += 1
            print(f"FAILED: {what}: {seen}")

    def equal(self, what, seen, expected):
        self.check(what, seen == expected, f"{seen!r} instead of {expected!r}")

    def page(self, source, name, *options):
        path = os.path.join(self.folder, name + ".html")
        command = [self.gradus, "graph", source, "--format", "html", "--out", path, *options]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return path

    def snapshot_page(self, snapshot, name):
        source = os.path.join(self.folder, name + ".json")
        snapshot.write(source)
        return self.page(source, name)

    def open(self, browser, path):
        browser.requests.clear()
        browser.open(path)
        browser.wait_for("window.gradus && gradus.ready > 0", 120)

    def picture(self, browser, name):
        time.sleep(0.15)
        browser.screenshot(os.path.join(self.folder, name + ".png"))

    def press(self, browser, place, count=1):
        browser.click(place["x"], place["y"], count)

    def run(self):
        self.self_contained()
        for dark in (False, True):
            with Browser(dark=dark) as browser:
                self.transformer(browser, "dark" if dark else "light")
        self.model()
        self.profile()
        self.large()
        return self.failures

    def self_contained(self):
        with open(self.page("mlp", "mlp"), encoding="utf-8") as file:
            text = file.read()
        self.check("no address of another file", not re.search(r"(src|href)\s*=|@import|url\(", text), "found one")
        self.check("no placeholder is left", not re.search(r"@[A-Z]+@", text), "found one")

    def transformer(self, browser, theme):
        path = self.snapshot_page(transformer(12), "transformer")
        self.open(browser, path)
        state = lambda: browser.evaluate("gradus.state()")
        self.equal("the system's theme", state()["theme"], theme)
        self.equal("only the file itself is read", [r for r in browser.requests if not r.startswith("file:")], [])
        self.equal("the heading", browser.evaluate("document.getElementById('title').textContent"), "transformer 12")
        self.check("modules are collapsed until a page holds them", 10 < state()["items"] < 70, state())
        self.equal("boxes do not overlap", browser.evaluate("gradus.overlaps()"), 0)
        self.picture(browser, "transformer-" + theme)

        # A double click opens a module, another on its heading closes it.
        layer = browser.evaluate("gradus.module('layers.4')")
        before = state()["items"]
        self.press(browser, browser.evaluate(f"gradus.place({layer})"), 2)
        self.check("a double click expands", browser.evaluate("gradus.isOpen('layers.4')") and state()["items"] > before, state())
        browser.evaluate(f"gradus.select({layer}, true)")
        browser.key("Enter")
        self.check("Enter collapses", not browser.evaluate("gradus.isOpen('layers.4')"), state())
        self.equal("as before", state()["items"], before)

        # E, C, D, L.
        browser.key("e")
        self.equal("E shows every node", state()["items"], state()["nodes"])
        self.equal("boxes do not overlap when expanded", browser.evaluate("gradus.overlaps()"), 0)
        self.picture(browser, "transformer-expanded-" + theme)
        browser.key("l")
        self.check("L hides leaves", state()["items"] < state()["nodes"] and not state()["leaves"], state())
        browser.key("l")
        browser.key("c")
        self.check("C collapses all", state()["items"] < 10, state())
        browser.key("d")
        self.check("D opens a level", 10 < state()["items"] < 70, state())

        # Search: the field by its key, matches by Enter, everything cleared by Escape.
        browser.key("/")
        self.equal("/ goes to the search", browser.evaluate("document.activeElement.id"), "search")
        browser.type("layers.3.fc1.weight")
        self.equal("a name is found", state()["hits"], 1)
        browser.key("Enter")
        weight = browser.evaluate("gradus.findName('layers.3.fc1.weight')")
        self.equal("Enter selects the match", state()["selected"], weight)
        self.check("and opens what hides it", browser.evaluate("gradus.isOpen('layers.3.fc1')"), "closed")
        details = browser.evaluate("document.getElementById('details').innerText")
        self.check("details of a parameter", all(w in details for w in ("layers.3.fc1.weight", "512 × 128", "linear")), details)
        browser.key("Escape")
        self.equal("Escape clears the search", [state()["hits"], state()["selected"]], [0, -1])
        browser.key("/")
        browser.type("attention.cc:77")
        self.equal("a source line is found in every layer", state()["hits"], 12)
        browser.key("Enter")
        browser.key("Enter")
        self.equal("Enter goes on", state()["hitAt"], 1)
        details = browser.evaluate("document.getElementById('details').innerText")
        self.check("details of an op", all(w in details for w in ("scaled_dot_product_attention", "is_causal", "attention.cc:77", "4 × 4 × 64 × 32", "f32")), details)
        self.picture(browser, "transformer-details-" + theme)
        browser.key("Escape")
        browser.key("/")
        browser.type("/^gel.$/")
        self.equal("a regular expression", state()["hits"], 12)
        browser.key("Escape")
        browser.key("/")
        browser.type("no such thing")
        self.equal("what is not there", browser.evaluate("document.getElementById('found').textContent"), "none")
        browser.key("Escape")

        # A click selects; arrows walk along the edges.
        root = browser.evaluate("gradus.find('cross_entropy')")
        browser.evaluate(f"gradus.centre({root})")
        time.sleep(0.1)
        self.press(browser, browser.evaluate(f"gradus.place({root})"))
        self.equal("a click selects", state()["selected"], root)
        details = browser.evaluate("document.getElementById('details').innerText")
        self.check("names with markup are text", "<b>☃</b></script>" in details, details)
        browser.key("ArrowUp")
        self.check("arrow up goes to what it reads", state()["selected"] not in (root, -1), state())
        browser.key("ArrowDown")
        self.equal("arrow down goes back", state()["selected"], root)

        # The path of a gradient.
        browser.evaluate(f"gradus.select({weight}, true)")
        browser.key("p")
        path_state = state()
        self.check("P shows the path", path_state["path"] > 100 and path_state["pathOnScreen"] > 2, path_state)
        details = browser.evaluate("document.getElementById('details').innerText.toLowerCase()")
        self.check("its steps with the gradients' norms", "gradient path" in details and "cross_entropy" in details and "norm" in details, details)
        self.picture(browser, "transformer-path-" + theme)
        browser.key("p")
        self.equal("P hides it", state()["path"], 0)
        browser.key("Escape")

        # Colours.
        gelu = browser.evaluate("gradus.find('gelu')")
        seen = set()
        for mode in ("kind", "time", "memory", "flops", "gradient", "dtype"):
            browser.evaluate(f"(c => {{ c.value = '{mode}'; c.dispatchEvent(new Event('change')); }})(document.getElementById('colour'))")
            self.equal("colour by " + mode, state()["colour"], mode)
            seen.add(browser.evaluate(f"gradus.colourOf({gelu})"))
            legend = browser.evaluate("document.getElementById('legend').innerText")
            self.check("a legend of " + mode, len(legend) > 2, legend)
            if mode in ("time", "gradient"):
                self.picture(browser, f"transformer-{mode}-{theme}")
        self.check("modes differ", len(seen) >= 4, seen)

        # Panning and zooming.
        browser.key("f")
        start = state()["view"]
        browser.drag(200, 500, 320, 560)
        moved = state()["view"]
        self.check("dragging pans", abs((start["x"] - moved["x"]) * start["k"] - 120) < 2, [start, moved])
        browser.mouse("mouseWheel", 600, 400, deltaX=0, deltaY=-240)
        self.check("the wheel zooms in", state()["view"]["k"] > moved["k"], state())
        browser.key("-")
        browser.key("ArrowRight", modifiers=8)
        browser.key("t")
        self.check("T changes the theme", state()["theme"] != theme, state())
        browser.key("?")
        self.check("? shows the keys", browser.evaluate("document.getElementById('keys').open"), "closed")
        browser.key("Escape")
        self.equal("nothing failed", browser.errors, [])

    def model(self):
        with Browser() as browser:
            self.open(browser, self.page("mlp", "mlp"))
            self.check("modules of a recorded model", browser.evaluate("gradus.module('fc1')") >= 0, "no fc1")
            self.check("what was not measured cannot be chosen",
                       browser.evaluate("[...document.getElementById('colour').options].find(o => o.value === 'time').disabled"), "it can")
            self.picture(browser, "mlp")
            self.equal("nothing failed", browser.errors, [])

    def profile(self):
        path = os.path.join(self.folder, "profile.html")
        subprocess.run([self.gradus, "profile", "mlp", "--repetitions", "1", "--graph", path], check=True, stdout=subprocess.DEVNULL)
        with Browser() as browser:
            self.open(browser, path)
            node = browser.evaluate("gradus.node(gradus.find('linear'))")
            self.check("a profile brings times", node["forwardNs"] > 0 and node["backwardNs"] > 0, node)
            self.check("and gradients", node["gradient"] and node["gradient"][3] > 0, node)
            self.equal("nothing failed", browser.errors, [])

    def large(self):
        for name, snapshot in (("20,000 nodes in modules", transformer(590)), ("20,000 nodes without", self.flat(20_000))):
            path = self.snapshot_page(snapshot, "large")
            with Browser() as browser:
                begin = time.monotonic()
                self.open(browser, path)
                opened = time.monotonic() - begin
                expanded = browser.evaluate("(() => { const t = performance.now(); document.getElementById('expand').click(); return performance.now() - t; })()")
                state = browser.evaluate("gradus.state()")
                self.equal("all of it is shown", state["items"], len(snapshot.nodes))
                near, far = (browser.evaluate(f"""new Promise(done => {{
                    gradus.{where}(); let i = 0, begin = 0;
                    const step = () => {{ if (i === 5) begin = performance.now(); gradus.pan(i % 120 < 60 ? 7 : -7, i % 80 < 40 ? 5 : -5);
                      if (++i > 125) done(120 / (performance.now() - begin) * 1000); else requestAnimationFrame(step); }};
                    requestAnimationFrame(step); }})""") for where in ("home", "fit"))
                print(f"{name}: opens in {opened:.2f} s, expands in {expanded / 1000:.2f} s, pans at {near:.0f} frames a second near and "
                      f"{far:.0f} with all in view")
                self.check("opens in reasonable time on a busy machine", opened < 30 and expanded < 30_000, [opened, expanded])
                self.check("pans on a busy machine", near > 3 and far > 3, [near, far])
                self.equal("nothing failed", browser.errors, [])

    @staticmethod
    def flat(count):
        s = Snapshot("flat")
        last = [s.add(kind="parameter", name=f"p{i}", shape=[8]) for i in range(8)]
        while len(s.nodes) < count:
            i = len(s.nodes)
            last.append(s.add("mul" if i % 3 else "add", [last[-8], last[-1 - i % 8]], [8]))
        s.nodes[-1]["root"] = True
        return s


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("gradus")
    parser.add_argument("--keep")
    args = parser.parse_args()
    if find_chromium() is None:
        print("skipped: no Chromium (Debian package chromium)")
        return 77
    with tempfile.TemporaryDirectory() as folder:
        if args.keep:
            os.makedirs(args.keep, exist_ok=True)
        failures = Tests(os.path.abspath(args.gradus), args.keep or folder).run()
    print("all right" if failures == 0 else f"{failures} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
