'use strict';
// Reads the graph, lays out what is expanded, draws it on a canvas. A module is a box of its own layout inside its
// parent's, so the work is linear in what is shown. Drawing goes to a picture larger than the window, which panning
// moves: a frame costs one copy, however many ops there are.
(() => {
const data = JSON.parse(document.getElementById('data').textContent);
const S = data.strings;
const OP = 0, VIEW = 1, PARAMETER = 2, INPUT = 3, CONSTANT = 4;
const $ = id => document.getElementById(id);

// ---------------------------------------------------------------- the graph
const nodes = data.nodes.map((r, id) => ({
  id, kind: r[0], backward: r[1] === 1, op: S[r[2]], name: S[r[3]], module: S[r[4]], where: S[r[5]],
  saved: r[6], flops: r[7], forwardNs: r[8], backwardNs: r[9], root: (r[10] & 1) !== 0, released: (r[10] & 2) !== 0,
  attributes: S[r[11]], inputs: r[12], outputs: r[13], value: r[14] || null, gradient: r[15] || null,
  readers: [], isOp: r[0] < PARAMETER,
}));
const N = nodes.length;
const shapeOf = (n, o = 0) => S[n.outputs[3 * o]] || '';
const dtypeOf = (n, o = 0) => S[n.outputs[3 * o + 1]] || '';
const edges = [];  // {from, output, to, input}
for (const n of nodes) {
  for (let i = 0; i < n.inputs.length; i += 2) {
    if (n.inputs[i] < 0) continue;
    edges.push({from: n.inputs[i], output: n.inputs[i + 1], to: n.id, input: i / 2});
    nodes[n.inputs[i]].readers.push(n.id);
  }
}

// Modules as a tree; items of the drawing are ops (their id) and modules (N + their place).
const modules = [{at: 0, path: '', name: data.title, parent: -1, children: [], ops: [], depth: 0, open: true}];
const byPath = new Map([['', modules[0]]]);
function moduleAt(path) {
  const known = byPath.get(path);
  if (known) return known;
  const dot = path.lastIndexOf('.');
  const parent = moduleAt(dot < 0 ? '' : path.slice(0, dot));
  const m = {at: modules.length, path, name: path.slice(dot + 1), parent: parent.at, children: [], ops: [],
             depth: parent.depth + 1, open: false};
  modules.push(m);
  byPath.set(path, m);
  parent.children.push(m.at);
  return m;
}
for (const n of nodes) {
  n.owner = moduleAt(n.module).at;
  modules[n.owner].ops.push(n.id);
}
// Sums over a module with all below it, children first: they come after their parents.
for (const m of modules) Object.assign(m, {count: 0, parameters: 0, elements: 0, saved: 0, flops: 0, forwardNs: 0, backwardNs: 0,
  timed: false, norm: -1, dtypes: new Map(), first: Infinity, last: -1, bad: false, root: false});
const elements = shape => shape.split(' × ').reduce((p, d) => p * (+d || (d === 'scalar' ? 1 : 0)), 1);
for (let k = modules.length - 1; k >= 0; --k) {
  const m = modules[k];
  for (const id of m.ops) {
    const n = nodes[id];
    if (n.isOp) m.count++; else if (n.kind === PARAMETER) { m.parameters++; m.elements += elements(shapeOf(n)); }
    m.saved += n.saved; m.flops += n.flops;
    if (n.forwardNs >= 0) { m.timed = true; m.forwardNs += n.forwardNs; }
    if (n.backwardNs >= 0) { m.timed = true; m.backwardNs += n.backwardNs; }
    if (n.gradient) m.norm = Math.max(m.norm, n.gradient[3]);
    if (isBad(n)) m.bad = true;
    if (n.root) m.root = true;
    m.dtypes.set(dtypeOf(n), (m.dtypes.get(dtypeOf(n)) || 0) + 1);
    m.first = Math.min(m.first, id); m.last = Math.max(m.last, id);
  }
  for (const c of m.children) {
    const d = modules[c];
    for (const f of ['count', 'parameters', 'elements', 'saved', 'flops', 'forwardNs', 'backwardNs']) m[f] += d[f];
    m.timed ||= d.timed; m.norm = Math.max(m.norm, d.norm); m.bad ||= d.bad; m.root ||= d.root;
    for (const [t, c2] of d.dtypes) m.dtypes.set(t, (m.dtypes.get(t) || 0) + c2);
    m.first = Math.min(m.first, d.first); m.last = Math.max(m.last, d.last);
  }
}
function isBad(n) { return (n.value && n.value[4] + n.value[5] > 0) || (n.gradient && n.gradient[4] + n.gradient[5] > 0); }

// ---------------------------------------------------------------- words
const fixed = (x, unit) => `${x >= 100 ? x.toFixed(0) : x >= 10 ? x.toFixed(1) : x.toFixed(2)} ${unit}`;
function time(ns) { return ns < 1e3 ? `${ns} ns` : ns < 1e6 ? fixed(ns / 1e3, 'µs') : ns < 1e9 ? fixed(ns / 1e6, 'ms') : fixed(ns / 1e9, 's'); }
function bytes(b) { return b < 1024 ? `${b} B` : b < 1048576 ? fixed(b / 1024, 'KiB') : b < 1073741824 ? fixed(b / 1048576, 'MiB') : fixed(b / 1073741824, 'GiB'); }
function big(x) { return x < 1e3 ? String(Math.round(x)) : x < 1e6 ? fixed(x / 1e3, 'k') : x < 1e9 ? fixed(x / 1e6, 'M') : x < 1e12 ? fixed(x / 1e9, 'G') : fixed(x / 1e12, 'T'); }
function number(x) { return x === null ? 'inf' : x === 0 ? '0' : Math.abs(x) >= 1e-3 && Math.abs(x) < 1e5 ? String(+x.toPrecision(4)) : x.toExponential(2); }
const kindName = n => n.kind === PARAMETER ? 'parameter' : n.kind === INPUT ? 'input' : n.kind === CONSTANT ? 'constant'
  : n.root ? 'result' : n.backward ? 'backward op' : n.kind === VIEW ? 'view' : 'op';
const lastPart = name => name.slice(name.lastIndexOf('.') + 1);
const plural = (n, word) => `${n.toLocaleString('en')} ${word}${n === 1 ? '' : 's'}`;

// ---------------------------------------------------------------- state
let selected = -1, hovered = -1, hits = new Set(), hitList = [], hitAt = -1, pathSet = null, pathTo = -1, pathList = [];
let showLeaves = true, colourBy = 'kind';
let view = {x: 0, y: 0, k: 1};
let layout = null, version = 0;
const canvas = $('canvas'), ctx = canvas.getContext('2d', {alpha: false});
const picture = document.createElement('canvas'), pen = picture.getContext('2d', {alpha: false});
let drawn = null;  // what `picture` holds: {x, y, k, w, h, version}

// ---------------------------------------------------------------- layout
const GAP_X = 22, GAP_Y = 34, PAD = 16, HEAD = 26, WRAP = 28;
const isModule = item => item >= N;
const moduleOf = item => modules[item - N];
const hidden = n => !n.isOp && !showLeaves;

function sizeOf(item) {
  if (isModule(item)) {
    const m = moduleOf(item);
    return {w: Math.max(110, m.name.length * 7.6 + 44, moduleLine(m).length * 6 + 28), h: 46};
  }
  const n = nodes[item];
  const title = titleOf(n), shape = shapeOf(n);
  return {w: Math.max(54, title.length * 7.3 + 24, shape.length * 6 + 24), h: shape ? 40 : 28};
}
const titleOf = n => n.isOp ? n.op : n.name ? lastPart(n.name) : kindName(n);
const moduleLine = m => plural(m.count, 'op') + (m.elements ? ` · ${big(m.elements)} weights` : '');

// The item that stands for a node: itself, or the outermost module around it that is collapsed.
function representatives() {
  const shut = new Int32Array(modules.length);  // outermost collapsed module at or above; -1: none
  for (const m of modules) {
    const above = m.parent < 0 ? -1 : shut[m.parent];
    shut[m.at] = above >= 0 ? above : m.open ? -1 : m.at;
  }
  return nodes.map(n => hidden(n) ? -1 : shut[n.owner] >= 0 ? N + shut[n.owner] : n.id);
}

function computeLayout() {
  const rep = representatives();
  const merged = new Map();
  const lines = [];
  const within = new Map();  // module -> edges between its items
  const parentOf = item => isModule(item) ? moduleOf(item).parent : nodes[item].owner;
  for (const e of edges) {
    const a = rep[e.from], b = rep[e.to];
    if (a < 0 || b < 0 || a === b) continue;
    const key = a * (N + modules.length) + b;
    const known = merged.get(key);
    if (known) { known.count++; continue; }
    const line = {a, b, count: 1, edge: e};
    merged.set(key, line);
    lines.push(line);
    // Up to the module that holds both.
    let x = a, y = b, px = parentOf(x), py = parentOf(y);
    while (px !== py) {
      if (modules[px].depth >= modules[py].depth) { x = N + px; px = modules[px].parent; }
      else { y = N + py; py = modules[py].parent; }
    }
    if (x === y) continue;
    line.outer = [x, y];
    if (!within.has(px)) within.set(px, []);
    within.get(px).push([x, y]);
  }
  const sides = new Set();  // leaves at the side of their reader
  const boxes = new Map();  // item -> {x, y, w, h}, at first from the corner of the module around it
  // Children of open modules come after their parents: inside out.
  const open = [];
  const visit = m => { open.push(m); for (const c of m.children) if (modules[c].open) visit(modules[c]); };
  visit(modules[0]);
  for (let k = open.length - 1; k >= 0; --k) place(open[k], within.get(open[k].at) || [], boxes, sides);
  // From the outside in: corners of the drawing.
  const items = [], frames = [];
  const root = boxes.get(N);
  const settle = (m, x, y) => {
    for (const item of m.items) {
      const b = boxes.get(item);
      b.x += x; b.y += y;
      if (isModule(item) && moduleOf(item).open) { frames.push(item); settle(moduleOf(item), b.x, b.y); }
      else items.push(item);
    }
  };
  settle(modules[0], 0, 0);
  layout = {boxes, items, frames, lines, rep, w: root.w, h: root.h, grid: gridOf(boxes, items), lineGrid: lineGridOf(boxes, lines, sides),
            near: null};
  ++version;
}

// Rows by rank, ordered by the mean place of the neighbours (Sugiyama, Tagawa and Toda, 1981).
function place(m, pairs, boxes, sides) {
  const items = m.ops.filter(id => !hidden(nodes[id]));
  for (const c of m.children) if (modules[c].count + modules[c].parameters > 0 || showLeaves) items.push(N + c);
  const firstOf = item => isModule(item) ? moduleOf(item).first : item;
  items.sort((a, b) => firstOf(a) - firstOf(b));
  m.items = items;
  const index = new Map(items.map((item, i) => [item, i]));
  const count = items.length;
  const before = items.map(() => []), after = items.map(() => []);
  for (const [x, y] of pairs) {
    const i = index.get(x), j = index.get(y);
    if (i < j) { before[j].push(i); after[i].push(j); }  // what runs backwards does not decide ranks
  }
  const rank = new Int32Array(count);
  for (let i = 0; i < count; ++i) for (const p of before[i]) rank[i] = Math.max(rank[i], rank[p] + 1);
  // What has no input, right above its first reader.
  for (let i = count - 1; i >= 0; --i) {
    if (before[i].length || !after[i].length) continue;
    rank[i] = Math.max(0, Math.min(...after[i].map(j => rank[j])) - 1);
  }
  // A leaf that one op alone reads stands at the op's left side, out of the way of the data.
  const beside = items.map(() => []), reader = new Int32Array(count).fill(-1);
  for (let i = 0; i < count; ++i) {
    if (isModule(items[i]) || nodes[items[i]].isOp || nodes[items[i]].readers.length !== 1 || after[i].length !== 1) continue;
    const j = after[i][0];
    if (isModule(items[j]) || beside[j].length > 5) continue;
    reader[i] = j;
    beside[j].push(i);
    sides.add(items[i]);
  }
  const rows = [];
  for (let i = 0; i < count; ++i) if (reader[i] < 0) (rows[rank[i]] ||= []).push(i);
  const filled = rows.filter(Boolean);
  const place = new Float64Array(count);
  for (const row of filled) row.forEach((i, at) => { place[i] = at - row.length / 2; });
  const mean = list => { let s = 0; for (const i of list) s += place[i]; return s / list.length; };
  for (let sweep = 0; sweep < 4; ++sweep) {
    const down = sweep % 2 === 0;
    for (let r = 0; r < filled.length; ++r) {
      const row = filled[down ? r : filled.length - 1 - r];
      if (row.length < 2) continue;
      const want = new Map(row.map(i => { const near = down ? before[i] : after[i]; return [i, near.length ? mean(near) : place[i]]; }));
      row.sort((a, b) => want.get(a) - want.get(b) || a - b);
      row.forEach((i, at) => { place[i] = at - row.length / 2; });
    }
  }
  const size = items.map(item => isModule(item) && moduleOf(item).open ? boxes.get(item) : sizeOf(item));
  // With the leaves beside it: how far an item reaches to the left of its own box, and its height.
  const SIDE = 20, STACK = 6;
  const reach = new Float64Array(count), tall = size.map(b => b.h);
  for (let j = 0; j < count; ++j) {
    if (!beside[j].length) continue;
    reach[j] = Math.max(...beside[j].map(i => size[i].w)) + SIDE;
    tall[j] = Math.max(size[j].h, beside[j].reduce((h, i) => h + size[i].h + STACK, -STACK));
  }
  // Where the data passes through an item: the middle of a box, in a module that of its ops.
  const axis = size.map(b => b.axis ?? b.w / 2);
  const centre = new Float64Array(count), left = new Float64Array(count), top = new Float64Array(count);
  // Very wide rows are broken.
  const broken = [];
  for (const row of filled) for (let i = 0; i < row.length; i += WRAP) broken.push(row.slice(i, i + WRAP));
  // As near to below its inputs as the order of the row allows.
  const setRow = row => {
    let edge = -Infinity, shift = 0;
    for (const i of row) {
      let want = 0;
      for (const j of before[i]) if (reader[j] < 0) want += centre[j];
      const near = before[i].reduce((k, j) => k + (reader[j] < 0 ? 1 : 0), 0);
      want = near ? want / near : edge === -Infinity ? 0 : edge + GAP_X + reach[i] + axis[i];
      left[i] = Math.max(want - axis[i], edge === -Infinity ? -Infinity : edge + GAP_X + reach[i]);
      shift += want - (left[i] + axis[i]);
      edge = left[i] + size[i].w;
    }
    shift /= row.length;
    for (const i of row) { left[i] += shift; centre[i] = left[i] + axis[i]; }
  };
  let y = 0, low = Infinity, high = -Infinity;
  const starts = [];
  for (const row of broken) {
    setRow(row);
    let h = 0;
    for (const i of row) h = Math.max(h, tall[i]);
    for (const i of row) {
      top[i] = y + (h - tall[i]) / 2 + (tall[i] - size[i].h) / 2;
      low = Math.min(low, left[i] - reach[i]); high = Math.max(high, left[i] + size[i].w);
    }
    starts.push(y);
    y += h + GAP_Y;
  }
  if (!count) { low = 0; high = 60; y = GAP_Y; }
  let tallest = y - GAP_Y, wide = high - low;
  let middle = count ? centre[broken[broken.length - 1][0]] - low : wide / 2;
  // More than a window high and narrow: in columns, read from left to right.
  const shut = broken.every(row => row.length === 1 && isModule(items[row[0]]) && !moduleOf(items[row[0]]).open);
  if (tallest > (shut ? 600 : 1600) && tallest > 2.4 * wide && broken.length > 7) {
    const columns = Math.max(1, Math.min(Math.floor(broken.length / 3), Math.round(Math.sqrt(tallest / (.62 * wide)))));
    const each = tallest / columns - 1, gap = 80;
    let from = 0, x = 0, most = 0;
    for (let c = 0; c < columns && from < broken.length; ++c) {
      let to = from + 1;
      while (to < broken.length && (c === columns - 1 || starts[to] - starts[from] < each)) ++to;
      let l = Infinity, r = -Infinity;
      for (let k = from; k < to; ++k) for (const i of broken[k]) { l = Math.min(l, left[i] - reach[i]); r = Math.max(r, left[i] + size[i].w); }
      for (let k = from; k < to; ++k) for (const i of broken[k]) { left[i] += x - l; top[i] -= starts[from]; }
      x += r - l + gap;
      most = Math.max(most, (to < broken.length ? starts[to] : y) - GAP_Y - starts[from]);
      from = to;
    }
    low = 0; wide = x - gap; tallest = most; middle = wide / 2;
  }
  for (let j = 0; j < count; ++j) {
    if (!beside[j].length) continue;
    let at = top[j] + (size[j].h - beside[j].reduce((h, i) => h + size[i].h + STACK, -STACK)) / 2;
    for (const i of beside[j]) { left[i] = left[j] - SIDE - size[i].w; top[i] = at; at += size[i].h + STACK; }
  }
  const head = m.at === 0 ? 0 : HEAD;
  const w = Math.max(wide + 2 * PAD, m.at === 0 ? 0 : m.name.length * 7.6 + 70);
  const inset = (w - wide) / 2;
  items.forEach((item, i) => {
    boxes.set(item, {x: left[i] - low + inset, y: top[i] + PAD + head, w: size[i].w, h: size[i].h});
  });
  boxes.set(N + m.at, {x: 0, y: 0, w, h: tallest + 2 * PAD + head, axis: inset + middle});
}

// ---------------------------------------------------------------- what is where
const CELL = 1024;
function cells(x0, y0, x1, y1, f) {
  for (let i = Math.floor(x0 / CELL); i <= Math.floor(x1 / CELL); ++i)
    for (let j = Math.floor(y0 / CELL); j <= Math.floor(y1 / CELL); ++j) f(i * 1048576 + j);
}
function gridOf(boxes, items) {
  const grid = new Map();
  for (const item of items) {
    const b = boxes.get(item);
    cells(b.x, b.y, b.x + b.w, b.y + b.h, key => { const c = grid.get(key); if (c) c.push(item); else grid.set(key, [item]); });
  }
  return grid;
}
// Short lines by cell, long ones in a list that is looked through.
function lineGridOf(boxes, lines, sides) {
  const grid = new Map(), long = [];
  for (const line of lines) {
    const a = boxes.get(line.a), b = boxes.get(line.b);
    line.x0 = a.x + a.w / 2; line.y0 = a.y + a.h; line.x1 = b.x + b.w / 2; line.y1 = b.y;
    line.side = sides.has(line.a);
    if (line.side) { line.x0 = a.x + a.w; line.y0 = a.y + a.h / 2; line.x1 = b.x; line.y1 = b.y + Math.max(8, Math.min(b.h - 8, line.y0 - b.y)); }
    const dy = line.y1 - line.y0;
    // A line past other boxes bends around them; one that runs upwards too.
    line.bend = !line.side && (dy > 130 || dy < 0) && Math.abs(line.x1 - line.x0) < 46 ? Math.max(a.w, b.w) / 2 + 34 + Math.min(160, Math.abs(dy) * .08) : 0;
    const x0 = Math.min(line.x0, line.x1), x1 = Math.max(line.x0, line.x1) + line.bend;
    const y0 = Math.min(line.y0, line.y1), y1 = Math.max(line.y0, line.y1);
    line.up = null;
    if (dy < -20 && !line.side && line.outer) {
      // To the next column: below the one box, through the gap left of the other, in from above.
      const oa = boxes.get(line.outer[0]), ob = boxes.get(line.outer[1]);
      line.bend = 0;
      line.up = [line.x0, line.y0, line.x0, oa.y + oa.h + 14, ob.x - 34, oa.y + oa.h + 14, ob.x - 34, ob.y - 14, line.x1, ob.y - 14, line.x1, line.y1 - 3];
    }
    if (x1 - x0 > 4 * CELL || y1 - y0 > 4 * CELL) { long.push(line); continue; }
    cells(x0, y0, x1, y1, key => { const c = grid.get(key); if (c) c.push(line); else grid.set(key, [line]); });
  }
  return {grid, long};
}
function inside(grid, x0, y0, x1, y1) {
  const out = new Set();
  if ((x1 - x0) * (y1 - y0) / (CELL * CELL) > 4 * grid.size) { for (const c of grid.values()) for (const v of c) out.add(v); return out; }
  cells(x0, y0, x1, y1, key => { const c = grid.get(key); if (c) for (const v of c) out.add(v); });
  return out;
}
const toWorld = (sx, sy) => [view.x + sx / view.k, view.y + sy / view.k];
function itemAt(sx, sy) {
  const [x, y] = toWorld(sx, sy);
  for (const item of inside(layout.grid, x, y, x, y)) {
    const b = layout.boxes.get(item);
    if (x >= b.x && x <= b.x + b.w && y >= b.y && y <= b.y + b.h) return item;
  }
  let best = -1;  // the innermost frame whose head or border is there
  for (const item of layout.frames) {
    const b = layout.boxes.get(item);
    if (x >= b.x && x <= b.x + b.w && y >= b.y && y <= b.y + HEAD) best = item;
  }
  return best;
}

// ---------------------------------------------------------------- colours
const THEMES = {
  light: {back: '#f6f7f9', text: '#1d2530', soft: '#667180', line: '#a9b3bf', frame: 'rgba(60,80,105,.045)', frameLine: '#cfd6de', head: '#51606f',
    parameter: ['#fff0d6', '#cf8a1e'], input: ['#e9edf2', '#8492a2'], op: ['#ffffff', '#8aa4bf'], view: ['#f6f7f9', '#b3bfcc'],
    result: ['#dcf3e1', '#2f9e54'], backward: ['#efe8fb', '#8b6bc7'], module: ['#e4eefa', '#5b8fc4'], unknown: ['#eceef1', '#bcc4cd'],
    ramp: ['#f0f4f9', '#bcd6ee', '#74abdc', '#2f78bd', '#15487f'], select: '#e8590c', hit: '#f2b705', path: '#d6247c', bad: '#d92d20'},
  dark: {back: '#14171c', text: '#e4e9ef', soft: '#93a0ae', line: '#525d6a', frame: 'rgba(150,180,215,.05)', frameLine: '#343d49', head: '#a3b0be',
    parameter: ['#3a2e16', '#c8913a'], input: ['#262d36', '#6d7a89'], op: ['#20262e', '#56708c'], view: ['#191d23', '#3d4753'],
    result: ['#173524', '#3fae68'], backward: ['#2b2440', '#8f76c9'], module: ['#1b2f45', '#4c87c0'], unknown: ['#22272e', '#434c57'],
    ramp: ['#212831', '#224766', '#2a6da4', '#4a9bdb', '#a6d6ff'], select: '#ff8a3d', hit: '#f2c230', path: '#ff5fa8', bad: '#ff6b5e'},
};
const DTYPES = {f32: '#4c8fd0', f64: '#7a5cc2', f16: '#2fa58f', bf16: '#1f8f6a', i64: '#d08a2e', i32: '#c4742a', u8: '#a35f3a', bool: '#8a8f98'};
let theme = null;
const rgb = hex => [1, 3, 5].map(i => parseInt(hex.slice(i, i + 2), 16));
function rampAt(t) {
  const stops = theme.ramp, x = Math.max(0, Math.min(1, t)) * (stops.length - 1), i = Math.min(stops.length - 2, Math.floor(x));
  const a = rgb(stops[i]), b = rgb(stops[i + 1]);
  return '#' + a.map((c, k) => Math.round(c + (b[k] - c) * (x - i)).toString(16).padStart(2, '0')).join('');
}
const light = hex => { const [r, g, b] = rgb(hex); return .299 * r + .587 * g + .114 * b > 150; };
const timeOf = t => isModuleObject(t) ? (t.timed ? t.forwardNs + t.backwardNs : -1) : t.forwardNs < 0 && t.backwardNs < 0 ? -1 : Math.max(0, t.forwardNs) + Math.max(0, t.backwardNs);
const isModuleObject = t => t.children !== undefined;
const MODES = {
  kind: {label: 'kind'},
  time: {label: 'time', of: timeOf, text: time},
  memory: {label: 'memory kept for backward', of: t => t.saved, text: bytes},
  flops: {label: 'FLOPs', of: t => t.flops, text: x => big(x) + 'FLOP'},
  gradient: {label: 'gradient norm', of: t => isModuleObject(t) ? t.norm : t.gradient ? t.gradient[3] : -1, text: number},
  dtype: {label: 'dtype'},
};
const has = {time: nodes.some(n => timeOf(n) >= 0), memory: nodes.some(n => n.saved > 0), flops: nodes.some(n => n.flops > 0),
             gradient: nodes.some(n => n.gradient), kind: true, dtype: true};
for (const [key, m] of Object.entries(MODES)) {
  const option = new Option(has[key] ? m.label : `${m.label} (not in this file)`, key);
  option.disabled = !has[key];
  $('colour').add(option);
}
let scale = null;  // {low, high, log} of the items that are shown
function rescale() {
  const mode = MODES[colourBy];
  scale = null;
  if (!mode.of) return;
  let low = Infinity, high = -Infinity;
  for (const item of layout.items) {
    const v = mode.of(isModule(item) ? moduleOf(item) : nodes[item]);
    if (v > 0) { low = Math.min(low, v); high = Math.max(high, v); }
  }
  if (high < 0) return;
  // Shares of a whole as they are; magnitudes of gradients by their logarithms.
  low = Math.max(low, high * 1e-6);
  scale = {low, high, log: colourBy === 'gradient' && high / low > 30};
}
const kindKey = n => n.kind === PARAMETER ? 'parameter' : n.kind >= INPUT ? 'input' : n.root ? 'result' : n.backward ? 'backward' : n.kind === VIEW ? 'view' : 'op';
function colourOf(item) {
  const m = isModule(item), t = m ? moduleOf(item) : nodes[item];
  if (colourBy === 'kind') return theme[m ? 'module' : kindKey(t)];
  if (colourBy === 'dtype') {
    let name = m ? [...t.dtypes].sort((a, b) => b[1] - a[1])[0]?.[0] : dtypeOf(t);
    const c = DTYPES[name] || '#7d8894';
    return [mix(c, .35), c];
  }
  const v = MODES[colourBy].of(t);
  if (!scale || !(v > 0)) return theme.unknown;
  const at = scale.log ? Math.log(v / scale.low) / Math.log(scale.high / scale.low) : v / scale.high;
  const fill = rampAt(scale.high === scale.low ? 1 : at);
  return [fill, mix2(fill, theme.text, .25)];
}
function mix2(a, b, t) { const x = rgb(a), y = rgb(b); return '#' + x.map((c, k) => Math.round(c + (y[k] - c) * t).toString(16).padStart(2, '0')).join(''); }
const mix = (c, t) => mix2(theme.op[0], c, t);

// ---------------------------------------------------------------- drawing
let width = 0, height = 0, ratio = 1, asked = false, settleTimer = 0, moving = false;
const FONT = '"DejaVu Sans", "Segoe UI", system-ui, sans-serif';
function request() { if (!asked) { asked = true; requestAnimationFrame(frame); } }
function changed() { ++version; request(); }
function resize() {
  const r = canvas.getBoundingClientRect();
  width = r.width; height = r.height; ratio = Math.min(2, window.devicePixelRatio || 1);
  canvas.width = Math.round(width * ratio); canvas.height = Math.round(height * ratio);
  drawn = null;
  request();
}
const frames = [];  // times of the last frames, for tests
function frame(now) {
  asked = false;
  frames.push(now);
  if (frames.length > 600) frames.shift();
  const covers = drawn && drawn.version === version && drawn.k === view.k && view.x >= drawn.x && view.y >= drawn.y &&
    view.x + width / view.k <= drawn.x + drawn.w && view.y + height / view.k <= drawn.y + drawn.h;
  const zooming = moving && drawn && drawn.version === version && drawn.k !== view.k;
  if (!covers && !zooming) paint();
  ctx.setTransform(1, 0, 0, 1, 0, 0);
  if (zooming) { ctx.fillStyle = theme.back; ctx.fillRect(0, 0, canvas.width, canvas.height); }
  const s = view.k / drawn.k;
  ctx.imageSmoothingEnabled = s !== 1;
  let dx = (drawn.x - view.x) * view.k * ratio, dy = (drawn.y - view.y) * view.k * ratio;
  if (s === 1) { dx = Math.round(dx); dy = Math.round(dy); }
  ctx.drawImage(picture, dx, dy, picture.width * s, picture.height * s);
}
function paint() {
  const mx = width * .5, my = height * .5;
  const w = Math.round((width + 2 * mx) * ratio), h = Math.round((height + 2 * my) * ratio);
  if (picture.width !== w || picture.height !== h) { picture.width = w; picture.height = h; }
  drawn = {x: view.x - mx / view.k, y: view.y - my / view.k, k: view.k, w: w / ratio / view.k, h: h / ratio / view.k, version};
  const k = view.k * ratio, c = pen;
  c.setTransform(1, 0, 0, 1, 0, 0);
  c.fillStyle = theme.back;
  c.fillRect(0, 0, w, h);
  c.setTransform(k, 0, 0, k, -drawn.x * k, -drawn.y * k);
  const X0 = drawn.x, Y0 = drawn.y, X1 = drawn.x + drawn.w, Y1 = drawn.y + drawn.h;
  const {boxes} = layout;
  const px = 1 / view.k;  // one pixel of the screen
  for (const item of layout.frames) {
    const b = boxes.get(item);
    if (b.x > X1 || b.y > Y1 || b.x + b.w < X0 || b.y + b.h < Y0) continue;
    c.fillStyle = theme.frame; c.strokeStyle = theme.frameLine; c.lineWidth = Math.max(1, px);
    round(c, b, 9); c.fill(); c.stroke();
    if (view.k > .28) {
      c.fillStyle = theme.head; c.font = `600 12px ${FONT}`; c.textAlign = 'left'; c.textBaseline = 'middle';
      c.fillText('−  ' + moduleOf(item).name, b.x + 11, b.y + HEAD / 2 + 2);
    }
  }
  // Lines.
  const near = neighbours();
  const shown = inside(layout.lineGrid.grid, X0, Y0, X1, Y1);
  for (const line of layout.lineGrid.long) shown.add(line);
  const simple = view.k < .2 || shown.size > 3000;
  const marked = [], passing = [];
  c.strokeStyle = theme.line; c.lineWidth = Math.max(1.1, px * .7);
  c.globalAlpha = pathSet || near ? .35 : simple ? .6 : 1;
  c.beginPath();
  for (const line of shown) {
    if (onPath(line)) { passing.push(line); continue; }
    if (near && near.lines.has(line)) { marked.push(line); continue; }
    trace(c, line, simple);
  }
  c.stroke();
  c.globalAlpha = 1;
  if (!simple && view.k > .3) { c.fillStyle = theme.line; c.globalAlpha = pathSet || near ? .35 : 1; for (const line of shown) if (!onPath(line) && !(near && near.lines.has(line))) arrow(c, line); c.globalAlpha = 1; }
  for (const [list, colour] of [[marked, theme.select], [passing, theme.path]]) {
    if (!list.length) continue;
    c.strokeStyle = c.fillStyle = colour; c.lineWidth = Math.max(2, px * 1.6);
    c.beginPath();
    for (const line of list) trace(c, line, simple);
    c.stroke();
    if (!simple) for (const line of list) arrow(c, line);
  }
  const said = new Set();  // one label for what fans out
  if (!simple && view.k > .62 && shown.size < 500) for (const line of shown) label(c, line, near, said);
  // Boxes.
  const visible = inside(layout.grid, X0, Y0, X1, Y1);
  const dim = item => (hits.size && !hitItems().has(item)) || (pathSet && !pathItems().has(item)) || (near && !hits.size && !pathSet && !near.items.has(item) && colourBy === 'kind');
  if (view.k < .18) {
    const groups = new Map();
    for (const item of visible) {
      const key = dim(item) ? theme.frameLine : colourBy === 'kind' ? colourOf(item)[1] : colourOf(item)[0];
      if (!groups.has(key)) groups.set(key, []);
      groups.get(key).push(item);
    }
    for (const [colour, list] of groups) {
      c.fillStyle = colour;
      for (const item of list) { const b = boxes.get(item); c.fillRect(b.x, b.y, Math.max(b.w, 2 * px), Math.max(b.h, 2 * px)); }
    }
  } else {
    for (const item of visible) box(c, item, dim(item), px);
  }
  const rings = (list, colour) => {
    c.strokeStyle = colour; c.lineWidth = Math.max(2.4, px * 2);
    for (const item of list) { const b = boxes.get(item); if (b && b.x < X1 && b.y < Y1 && b.x + b.w > X0 && b.y + b.h > Y0) { round(c, grown(b, 2.5), 9); c.stroke(); } }
  };
  if (hits.size) rings(hitItems(), theme.hit);
  if (pathSet) rings(pathItems(), theme.path);
  if (selected >= 0) rings([shownItem(selected)], theme.select);
}
const grown = (b, d) => ({x: b.x - d, y: b.y - d, w: b.w + 2 * d, h: b.h + 2 * d});
function round(c, b, r) { c.beginPath(); c.roundRect(b.x, b.y, b.w, b.h, Math.min(r, b.h / 2)); }
function trace(c, l, simple) {
  c.moveTo(l.x0, l.y0);
  if (simple) { c.lineTo(l.x1, l.y1); return; }
  if (l.side) { c.lineTo(l.x1 - 4, l.y1); return; }
  if (l.up) {
    const p = l.up;
    for (let i = 2; i < 10; i += 2) c.arcTo(p[i], p[i + 1], p[i + 2], p[i + 3], 10);
    c.lineTo(p[10], p[11]);
    return;
  }
  const dy = l.y1 - l.y0, bow = Math.max(14, Math.min(60, Math.abs(dy) * .45));
  c.bezierCurveTo(l.x0 + l.bend, l.y0 + bow, l.x1 + l.bend, l.y1 - bow - 3, l.x1, l.y1 - 4);
}
function arrow(c, l) {
  if (l.side) { c.beginPath(); c.moveTo(l.x1 - .5, l.y1); c.lineTo(l.x1 - 6, l.y1 - 3.2); c.lineTo(l.x1 - 6, l.y1 + 3.2); c.fill(); return; }
  c.beginPath(); c.moveTo(l.x1, l.y1 - .5); c.lineTo(l.x1 - 3.6, l.y1 - 7); c.lineTo(l.x1 + 3.6, l.y1 - 7); c.fill();
}
function label(c, l, near, said) {
  if (l.side || l.up) return;
  const strong = near && near.lines.has(l);
  const from = nodes[l.edge.from];
  // A box that stands for one op says its shape itself.
  if (!isModule(l.a) && !strong) return;
  if (!strong && !from.isOp) return;
  const text = (l.count > 1 ? `${l.count} tensors` : shapeOf(from, l.edge.output));
  if (!text || said.has(l.a + text)) return;
  said.add(l.a + text);
  const x = (l.x0 + l.x1) / 2 + l.bend * .75, y = (l.y0 + l.y1) / 2;
  c.font = `10px ${FONT}`; c.textAlign = 'center'; c.textBaseline = 'middle';
  const w = c.measureText(text).width + 8;
  c.fillStyle = theme.back; c.globalAlpha = .86; c.fillRect(x - w / 2, y - 7, w, 14); c.globalAlpha = 1;
  c.fillStyle = strong ? theme.select : theme.soft; c.fillText(text, x, y + .5);
}
function box(c, item, dim, px) {
  const b = layout.boxes.get(item), [fill, line] = colourOf(item);
  c.globalAlpha = dim ? .3 : 1;
  const m = isModule(item);
  if (m && view.k > .3) {  // a stack: there is more inside
    c.fillStyle = fill; c.strokeStyle = line; c.lineWidth = 1;
    round(c, {x: b.x + 3, y: b.y + 3, w: b.w, h: b.h}, 8); c.fill(); c.stroke();
  }
  c.fillStyle = fill; c.strokeStyle = line; c.lineWidth = Math.max(1.15, px * .8);
  const leaf = !m && !nodes[item].isOp;
  round(c, b, leaf ? 20 : 7); c.fill();
  if (!m && nodes[item].kind === VIEW) c.setLineDash([4, 3]);
  if (!m && nodes[item].released) c.setLineDash([2, 3]);
  c.stroke();
  c.setLineDash([]);
  const bad = m ? moduleOf(item).bad : isBad(nodes[item]);
  if (bad) { c.fillStyle = theme.bad; c.beginPath(); c.arc(b.x + b.w - 3, b.y + 3, 5.5, 0, 7); c.fill(); }
  if (view.k > .3) {
    const ink = colourBy === 'kind' ? theme.text : light(fill) ? '#1a222c' : '#f2f5f8';
    const soft = colourBy === 'kind' ? theme.soft : light(fill) ? '#44505d' : '#ccd6e0';
    c.textAlign = 'center'; c.textBaseline = 'middle';
    const x = b.x + b.w / 2;
    c.fillStyle = ink;
    if (m) {
      const t = moduleOf(item);
      c.font = `600 13px ${FONT}`; c.fillText('+  ' + t.name, x, b.y + 16);
      if (view.k > .42) { c.font = `10.5px ${FONT}`; c.fillStyle = soft; c.fillText(modeText(t) || moduleLine(t), x, b.y + 33); }
    } else {
      const n = nodes[item], shape = modeText(n) || shapeOf(n);
      c.font = `${n.isOp ? '600 ' : ''}12px ${FONT}`;
      c.fillText(titleOf(n), x, b.y + (shape ? 14 : b.h / 2 + .5));
      if (shape && view.k > .42) { c.font = `10.5px ${FONT}`; c.fillStyle = soft; c.fillText(shape, x, b.y + 29); }
    }
  }
  c.globalAlpha = 1;
}
// What the colour stands for, in the box's second line.
function modeText(t) {
  const mode = MODES[colourBy];
  if (colourBy === 'dtype') return isModuleObject(t) ? '' : dtypeOf(t);
  if (!mode.of) return '';
  const v = mode.of(t);
  return v > 0 ? mode.text(v) : '';
}

// ---------------------------------------------------------------- selection, search, path
function shownItem(item) {
  if (isModule(item)) {
    let m = moduleOf(item), top = item;
    for (let p = m.parent; p >= 0; p = modules[p].parent) if (!modules[p].open) top = N + p;
    return top;
  }
  return layout.rep[item];
}
function neighbours() {
  if (selected < 0) return null;
  if (layout.near && layout.near.of === selected) return layout.near;
  const me = shownItem(selected);
  const near = {of: selected, items: new Set([me]), lines: new Set()};
  for (const l of layout.lines) if (l.a === me || l.b === me) { near.items.add(l.a); near.items.add(l.b); near.lines.add(l); }
  if (isModule(me) && moduleOf(me).open) return layout.near = null;  // a frame is no end of a line
  return layout.near = near;
}
let hitCache = null, pathCache = null;
function hitItems() {
  if (!hitCache || hitCache.version !== layout) { hitCache = {version: layout, set: new Set()}; for (const h of hits) hitCache.set.add(shownItem(h)); }
  return hitCache.set;
}
function pathItems() {
  if (!pathCache || pathCache.version !== layout) { pathCache = {version: layout, set: new Set()}; for (const h of pathSet) pathCache.set.add(layout.rep[h]); pathCache.set.delete(-1); }
  return pathCache.set;
}
const onPath = l => pathSet !== null && pathItems().has(l.a) && pathItems().has(l.b) && pathLines().has(l);
let pathLineCache = null;
function pathLines() {
  if (!pathLineCache || pathLineCache.version !== layout || pathLineCache.path !== pathSet) {
    const pairs = new Set();
    for (const e of edges) if (pathSet.has(e.from) && pathSet.has(e.to)) pairs.add(layout.rep[e.from] * (N + modules.length) + layout.rep[e.to]);
    pathLineCache = {version: layout, path: pathSet, set: new Set(layout.lines.filter(l => pairs.has(l.a * (N + modules.length) + l.b)))};
  }
  return pathLineCache.set;
}
function relayout(keep) {
  // What the user looks at stays where it is on the screen.
  const item = keep >= 0 ? shownItem(keep) : -1;
  const before = item >= 0 && layout ? layout.boxes.get(item) : null;
  const at = before ? [(before.x + before.w / 2 - view.x) * view.k, (before.y - view.y) * view.k] : null;
  computeLayout();
  rescale();
  legend();
  details();
  const after = keep >= 0 ? layout.boxes.get(isModule(keep) && moduleOf(keep).open ? keep : shownItem(keep)) : null;
  if (at && after) { view.x = after.x + after.w / 2 - at[0] / view.k; view.y = after.y - at[1] / view.k; }
  changed();
}
function toggle(item) {
  if (!isModule(item)) return;
  const m = moduleOf(item);
  m.open = !m.open;
  relayout(item);
}
function setAll(open) {
  for (const m of modules) if (m.at) m.open = open;
  relayout(-1);
  fit();
}
function deeper() {
  for (const item of [...layout.items]) if (isModule(item)) moduleOf(item).open = true;
  relayout(-1);
  fit();
}
function reveal(item) {
  let opened = false;
  const n = isModule(item) ? null : nodes[item];
  if (n && hidden(n)) { setLeaves(true); }
  for (let p = n ? n.owner : moduleOf(item).parent; p > 0; p = modules[p].parent) if (!modules[p].open) { modules[p].open = true; opened = true; }
  if (opened) relayout(-1);
}
function centre(item) {
  const b = layout.boxes.get(shownItem(item));
  if (!b) return;
  if (view.k < .5) view.k = .9;
  const open = $('details').hidden ? 0 : 190;
  view.x = b.x + b.w / 2 - (width / 2 - open) / view.k; view.y = b.y + Math.min(b.h, 60) / 2 - height / 2 / view.k;
  request();
}
function select(item, move) {
  selected = item;
  layout.near = null;
  details();
  if (move && item >= 0) { reveal(item); centre(item); }
  changed();
}
function search(text) {
  hits = new Set(); hitList = []; hitAt = -1; hitCache = null;
  const t = text.trim().toLowerCase();
  if (t) {
    let test = s => s.toLowerCase().includes(t);
    if (/^\/.+\/$/.test(t)) { try { const r = new RegExp(text.trim().slice(1, -1), 'i'); test = s => r.test(s); } catch { test = () => false; } }
    for (const m of modules) if (m.at && test(m.path)) hitList.push(N + m.at);
    for (const n of nodes) if (test(n.op) || test(n.name) || test(n.where) || test(n.module ? n.module + '.' + n.op : '')) hitList.push(n.id);
    hits = new Set(hitList);
  }
  $('found').textContent = t ? (hitList.length ? `${hitList.length} found` : 'none') : '';
  changed();
}
function nextHit(step) {
  if (!hitList.length) return;
  hitAt = (hitAt + step + hitList.length) % hitList.length;
  $('found').textContent = `${hitAt + 1} / ${hitList.length}`;
  select(hitList[hitAt], true);
}
// From the result back to a node: all ops between them, and the shortest way.
function showPath(item) {
  if (item < 0) return;
  const start = isModule(item) ? nodes.filter(n => n.isOp && (n.module === moduleOf(item).path || n.module.startsWith(moduleOf(item).path + '.'))).map(n => n.id) : [item];
  const reach = new Set(start), from = new Map();
  const queue = [...start];
  let end = -1;
  for (let i = 0; i < queue.length; ++i) {
    const n = nodes[queue[i]];
    if (n.root && end < 0) end = n.id;
    for (const r of n.readers) if (!reach.has(r)) { reach.add(r); from.set(r, n.id); queue.push(r); }
  }
  // Of what is reached only that which leads to a result.
  const useful = new Set();
  const back = nodes.filter(n => n.root && reach.has(n.id)).map(n => n.id);
  for (const id of back) useful.add(id);
  for (let i = 0; i < back.length; ++i) {
    const n = nodes[back[i]];
    for (let k = 0; k < n.inputs.length; k += 2) { const p = n.inputs[k]; if (p >= 0 && reach.has(p) && !useful.has(p)) { useful.add(p); back.push(p); } }
  }
  pathSet = useful.size ? useful : new Set(start);
  pathTo = item; pathList = []; pathCache = pathLineCache = null;
  for (let at = end; at >= 0; at = from.has(at) ? from.get(at) : -1) pathList.push(at);
  hits = new Set();
  details();
  changed();
}
function clearPath() { pathSet = null; pathTo = -1; pathList = []; details(); changed(); }
function escape() {
  $('search').value = ''; search('');
  pathSet = null; pathTo = -1; pathList = [];
  select(-1);
  canvas.focus();
}

// ---------------------------------------------------------------- details
function element(tag, text, cls) { const e = document.createElement(tag); if (text !== undefined) e.textContent = text; if (cls) e.className = cls; return e; }
function details() {
  const panel = $('details');
  panel.replaceChildren();
  panel.hidden = selected < 0;
  if (selected < 0) return;
  const close = element('button', '×', 'close');
  close.setAttribute('aria-label', 'Close'); close.onclick = () => escape();
  panel.append(close);
  const table = element('table');
  const row = (k, v, cls) => { if (v === '' || v === undefined) return; const r = table.insertRow(); r.insertCell().textContent = k; const c = r.insertCell(); c.textContent = v; if (cls) c.className = cls; };
  const m = isModule(selected) ? moduleOf(selected) : null, n = m ? null : nodes[selected];
  if (m) {
    panel.append(element('h2', m.path), element('div', 'module', 'kind'));
    row('ops', m.count.toLocaleString('en'));
    row('parameters', m.parameters ? `${m.parameters}, ${m.elements.toLocaleString('en')} elements` : '');
    row('FLOPs', m.flops ? big(m.flops) : '');
    row('kept for backward', m.saved ? bytes(m.saved) : '');
    if (m.timed) { row('forward', time(m.forwardNs)); row('backward', time(m.backwardNs)); }
    row('largest gradient norm', m.norm >= 0 ? number(m.norm) : '');
    panel.append(table);
  } else {
    panel.append(element('h2', n.isOp ? n.op + (n.name ? ` “${n.name}”` : '') : n.name || kindName(n)),
                 element('div', kindName(n) + (n.module ? ' in ' + n.module : '') + (n.released ? ', released' : ''), 'kind'));
    for (let o = 0; o * 3 < n.outputs.length; ++o) row(n.outputs.length > 3 ? `output ${o}` : n.isOp ? 'result' : 'shape', `${shapeOf(n, o)}  ${dtypeOf(n, o)}`, 'mono');
    row('attributes', n.attributes, 'mono');
    row('source line', n.where, 'mono');
    row('FLOPs', n.flops ? big(n.flops) : '');
    row('kept for backward', n.saved ? bytes(n.saved) : '');
    row('forward', n.forwardNs >= 0 ? time(n.forwardNs) : '');
    row('backward', n.backwardNs >= 0 ? time(n.backwardNs) : '');
    panel.append(table);
    for (const [title, s] of [['Value', n.value], ['Gradient', n.gradient]]) {
      if (!s) continue;
      panel.append(element('h3', title));
      const t = element('table');
      ['min', 'max', 'mean', 'norm'].forEach((k, i) => { const r = t.insertRow(); r.insertCell().textContent = k; const c = r.insertCell(); c.textContent = number(s[i]); c.className = 'n'; });
      if (s[4] + s[5]) { const r = t.insertRow(); r.insertCell().textContent = 'not finite'; const c = r.insertCell(); c.textContent = `${s[4]} NaN, ${s[5]} inf`; c.className = 'n'; c.style.color = 'var(--accent)'; }
      panel.append(t);
    }
  }
  const links = (title, ids, note, long) => {
    if (!ids.length) return;
    panel.append(element('h3', title));
    const list = element('div', undefined, 'links');
    for (const id of ids.slice(0, 40)) {
      const b = element('button');
      b.append(element('span', (long && nodes[id].module ? nodes[id].module + ' · ' : '') + titleOf(nodes[id])), element('span', note(id)));
      b.onclick = () => select(id, true);
      list.append(b);
    }
    if (ids.length > 40) list.append(element('span', `and ${ids.length - 40} more`));
    panel.append(list);
  };
  if (n) {
    const reads = [];
    for (let i = 0; i < n.inputs.length; i += 2) if (n.inputs[i] >= 0) reads.push(n.inputs[i]);
    links('Reads', reads, id => shapeOf(nodes[id]));
    links('Read by', n.readers, id => nodes[id].where);
  }
  if (pathTo === selected && pathSet) {
    links(`Gradient path: ${plural(pathSet.size, 'op')}, ${pathList.length - 1} steps`, pathList, id => nodes[id].gradient ? 'norm ' + number(nodes[id].gradient[3]) : nodes[id].where, true);
  }
  const actions = element('div', undefined, 'actions');
  const button = (text, f) => { const b = element('button', text); b.onclick = f; actions.append(b); };
  if (m) button(m.open ? 'Collapse' : 'Expand', () => { toggle(selected); details(); });
  if (!m && n.module) button('Collapse module', () => { const p = N + n.owner; modules[n.owner].open = false; select(p); relayout(p); });
  button(pathTo === selected ? 'Hide path' : 'Gradient path', () => pathTo === selected ? clearPath() : showPath(selected));
  panel.append(actions);
}

function legend() {
  const box = $('legend');
  box.replaceChildren();
  const chip = (fill, line, text) => { const r = element('div', undefined, 'row'), c = element('span', undefined, 'chip'); c.style.background = fill; c.style.borderColor = line; r.append(c, element('span', text)); box.append(r); };
  if (colourBy === 'kind') {
    const seen = new Set(layout.items.map(i => isModule(i) ? 'module' : kindKey(nodes[i])));
    for (const [key, text] of [['module', 'module'], ['op', 'op'], ['view', 'view'], ['parameter', 'parameter'], ['input', 'input'], ['result', 'result'], ['backward', 'backward op']]) if (seen.has(key)) chip(...theme[key], text);
  } else if (colourBy === 'dtype') {
    const seen = new Set(nodes.map(n => dtypeOf(n)));
    for (const t of [...seen].sort()) { const c = DTYPES[t] || '#7d8894'; chip(mix(c, .35), c, t); }
  } else {
    box.append(element('div', MODES[colourBy].label));
    if (scale) {
      const ramp = element('div', undefined, 'ramp');
      ramp.style.background = `linear-gradient(90deg, ${theme.ramp.join(', ')})`;
      const ends = element('div', undefined, 'ends');
      ends.append(element('span', MODES[colourBy].text(scale.log ? scale.low : 0)), element('span', scale.log ? 'logarithmic' : ''), element('span', MODES[colourBy].text(scale.high)));
      box.append(ramp, ends);
    }
    chip(...theme.unknown, 'none');
  }
  if (nodes.some(isBad)) chip(theme.bad, theme.bad, 'NaN or inf');
}

// ---------------------------------------------------------------- moving about
function fit() {
  const margin = 40;
  const k = Math.min((width - 2 * margin) / layout.w, (height - 2 * margin) / layout.h, 1.25);
  view.k = Math.max(k, .002);
  view.x = layout.w / 2 - width / 2 / view.k; view.y = layout.h / 2 - height / 2 / view.k;
  request();
}
// The start of a tall graph at a size that can be read.
function home() {
  fit();
  if (view.k >= .55) return;
  { view.k = .85; view.x = layout.w / 2 - width / 2 / view.k; view.y = layout.h - (height - 40) / view.k; }
  const root = nodes.find(n => n.root);
  if (root && layout.rep[root.id] >= 0 && layout.h * view.k > height) {
    const b = layout.boxes.get(layout.rep[root.id]);
    view.x = b.x + b.w / 2 - width / 2 / view.k; view.y = b.y + b.h - (height - 90) / view.k;
  }
  request();
}
function zoom(factor, sx = width / 2, sy = height / 2) {
  const [x, y] = toWorld(sx, sy);
  view.k = Math.max(.002, Math.min(4, view.k * factor));
  view.x = x - sx / view.k; view.y = y - sy / view.k;
  moving = true;
  clearTimeout(settleTimer);
  settleTimer = setTimeout(() => { moving = false; request(); }, 90);
  request();
}
function pan(dx, dy) { view.x += dx / view.k; view.y += dy / view.k; request(); }

let press = null;
const at = e => { const r = canvas.getBoundingClientRect(); return [e.clientX - r.left, e.clientY - r.top]; };
canvas.addEventListener('pointerdown', e => { canvas.setPointerCapture(e.pointerId); press = {p: at(e), view: {...view}, moved: false}; canvas.focus({preventScroll: true}); });
canvas.addEventListener('pointermove', e => {
  const [x, y] = at(e);
  if (press) {
    const dx = x - press.p[0], dy = y - press.p[1];
    if (Math.hypot(dx, dy) > 3) { press.moved = true; canvas.classList.add('drag'); $('tip').hidden = true; }
    if (press.moved) { view.x = press.view.x - dx / view.k; view.y = press.view.y - dy / view.k; request(); }
    return;
  }
  const item = itemAt(x, y);
  if (item !== hovered) { hovered = item; canvas.classList.toggle('over', item >= 0); tip(x, y); }
});
canvas.addEventListener('pointerup', e => {
  canvas.classList.remove('drag');
  if (press && !press.moved) {
    const item = itemAt(...press.p);
    select(item);
  }
  press = null;
});
canvas.addEventListener('pointercancel', () => { press = null; canvas.classList.remove('drag'); });
canvas.addEventListener('pointerleave', () => { hovered = -1; $('tip').hidden = true; });
canvas.addEventListener('dblclick', e => { const item = itemAt(...at(e)); if (item >= 0 && isModule(item)) toggle(item); });
canvas.addEventListener('wheel', e => { e.preventDefault(); $('tip').hidden = true; zoom(Math.exp(-e.deltaY * (e.deltaMode ? .05 : .0016)), ...at(e)); }, {passive: false});
function tip(x, y) {
  const t = $('tip');
  t.hidden = hovered < 0;
  if (hovered < 0) return;
  if (isModule(hovered)) { const m = moduleOf(hovered); t.textContent = `${m.path}\n${moduleLine(m)}`; }
  else { const n = nodes[hovered]; t.textContent = [(n.isOp ? n.op : kindName(n)) + (n.name ? ` “${n.name}”` : ''), n.attributes, `${shapeOf(n)} ${dtypeOf(n)}`, n.where].filter(Boolean).join('\n'); }
  t.style.left = Math.min(x + 14, width - 260) + 'px'; t.style.top = Math.min(y + 16, height - 90) + 'px';
}

// ---------------------------------------------------------------- keys and buttons
function walk(key) {
  if (selected < 0) { const root = nodes.find(n => n.root) || nodes[0]; if (root) select(layout.rep[root.id] >= 0 ? layout.rep[root.id] : root.id, true); return; }
  const me = shownItem(selected), mine = layout.boxes.get(me);
  let next = [];
  if (key === 'ArrowUp') next = layout.lines.filter(l => l.b === me).map(l => l.a);
  else if (key === 'ArrowDown') next = layout.lines.filter(l => l.a === me).map(l => l.b);
  else {
    const side = key === 'ArrowRight' ? 1 : -1;
    next = layout.items.filter(i => { const b = layout.boxes.get(i); return Math.abs(b.y + b.h / 2 - mine.y - mine.h / 2) < 60 && (b.x - mine.x) * side > 0; });
  }
  // An op rather than a leaf, then the nearest.
  const far = i => { const b = layout.boxes.get(i); return Math.hypot(b.x + b.w / 2 - mine.x - mine.w / 2, b.y - mine.y) + (!isModule(i) && !nodes[i].isOp && key === 'ArrowUp' ? 1e6 : 0); };
  next.sort((a, b) => far(a) - far(b));
  if (next.length) select(next[0], true);
}
function setLeaves(on) { showLeaves = on; $('leaves').setAttribute('aria-pressed', String(on)); relayout(selected); }
function setTheme(name) { theme = THEMES[name]; document.documentElement.dataset.theme = name; if (layout) { legend(); changed(); } }
function setColour(name) { colourBy = name; $('colour').value = name; rescale(); legend(); changed(); }
const actions = {
  f: fit, c: () => setAll(false), e: () => setAll(true), d: deeper, l: () => setLeaves(!showLeaves),
  t: () => setTheme(document.documentElement.dataset.theme === 'dark' ? 'light' : 'dark'),
  p: () => { if (selected >= 0) pathTo === selected ? clearPath() : showPath(selected); }, '+': () => zoom(1.3), '=': () => zoom(1.3), '-': () => zoom(1 / 1.3),
  '?': () => $('keys').showModal(), '/': () => { $('search').focus(); $('search').select(); }, Escape: escape,
  Enter: () => { if (selected >= 0 && isModule(selected)) { toggle(selected); details(); } },
  Backspace: () => { const owner = selected < 0 ? 0 : isModule(selected) ? (moduleOf(selected).open ? selected - N : moduleOf(selected).parent) : nodes[selected].owner; if (owner > 0) { modules[owner].open = false; selected = N + owner; relayout(N + owner); select(N + owner, true); } },
};
addEventListener('keydown', e => {
  $('tip').hidden = true;
  if (e.ctrlKey || e.metaKey || e.altKey || $('keys').open) return;
  if (e.target === $('search')) {
    if (e.key === 'Enter') { nextHit(e.shiftKey ? -1 : 1); e.preventDefault(); }
    if (e.key === 'Escape') { escape(); e.preventDefault(); }
    return;
  }
  if (e.target.tagName === 'SELECT' || (e.target.tagName === 'BUTTON' && (e.key === 'Enter' || e.key === ' '))) return;
  if (e.key.startsWith('Arrow')) {
    const d = {ArrowLeft: [-90, 0], ArrowRight: [90, 0], ArrowUp: [0, -90], ArrowDown: [0, 90]}[e.key];
    if (e.shiftKey) pan(...d); else walk(e.key);
    e.preventDefault();
    return;
  }
  const f = actions[e.key] || actions[e.key.toLowerCase()];
  if (f) { f(); e.preventDefault(); }
});
$('search').addEventListener('input', () => search($('search').value));
$('colour').onchange = () => setColour($('colour').value);
$('collapse').onclick = () => setAll(false);
$('expand').onclick = () => setAll(true);
$('deeper').onclick = deeper;
$('leaves').onclick = () => setLeaves(!showLeaves);
$('fit').onclick = fit;
$('theme').onclick = () => actions.t();
$('help').onclick = () => actions['?']();
addEventListener('resize', resize);

// ---------------------------------------------------------------- start
$('title').textContent = data.title || 'graph';
$('counts').textContent = `${plural(modules[0].count, 'op')} · ${plural(modules[0].parameters, 'parameter')} · ${modules.length > 1 ? plural(modules.length - 1, 'module') : 'no modules'}`;
setTheme(matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light');
// Modules are opened from the outside as long as the whole can still be taken in.
const PAGE = 60;
for (let level = modules[0].children.slice(), shown = modules[0].ops.length + level.length; level.length;) {
  const inner = level.flatMap(c => modules[c].children);
  const added = level.reduce((s, c) => s + modules[c].ops.length + modules[c].children.length - 1, 0);
  if (shown + added > PAGE) break;
  for (const c of level) modules[c].open = true;
  shown += added;
  level = inner;
}
computeLayout();
rescale();
legend();
resize();
home();
requestAnimationFrame(() => requestAnimationFrame(() => { window.gradus.ready = performance.now(); }));

// For scripts and tests.
window.gradus = {
  ready: 0,
  state: () => ({nodes: N, items: layout.items.length, frames: layout.frames.length, lines: layout.lines.length, selected, hits: hitList.length, hitAt,
    path: pathSet ? pathSet.size : 0, pathOnScreen: pathSet ? pathItems().size : 0, colour: colourBy, theme: document.documentElement.dataset.theme, view: {...view}, leaves: showLeaves}),
  node: id => ({...nodes[id], readers: undefined}),
  find: (op, name = '') => nodes.findIndex(n => n.op === op && (!name || n.name === name)),
  findName: name => nodes.findIndex(n => n.name === name),
  module: path => byPath.has(path) ? N + byPath.get(path).at : -1,
  place: item => { const b = layout.boxes.get(shownItem(item)), r = canvas.getBoundingClientRect(); return {x: (b.x + b.w / 2 - view.x) * view.k + r.left, y: (b.y + Math.min(b.h, HEAD) / 2 - view.y) * view.k + r.top, w: b.w * view.k, h: b.h * view.k}; },
  isOpen: path => byPath.get(path).open, colourOf: item => colourOf(shownItem(item))[0],
  select, centre: item => { reveal(item); centre(item); }, pan, fit, home,
  overlaps: () => { let bad = 0; for (const [, c] of layout.grid) for (let i = 0; i < c.length; ++i) for (let j = i + 1; j < c.length; ++j) { const a = layout.boxes.get(c[i]), b = layout.boxes.get(c[j]); if (a.x < b.x + b.w - .5 && b.x < a.x + a.w - .5 && a.y < b.y + b.h - .5 && b.y < a.y + a.h - .5) ++bad; } return bad; },
  frames,
};
})();
