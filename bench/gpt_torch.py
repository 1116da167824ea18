#!/usr/bin/env python3
"""The model, the data and the settings of docs/examples/zoo/gpt.cc in PyTorch: what loss does it reach there?

  bench/gpt_torch.py [--steps 2000] [--seed 0] [--data FILE]

Prints the validation loss as `gradus train gpt` does. Needs torch from PyPI, and Debian's bible-kjv for the text.
"""

import argparse
import math
import subprocess
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F


def load_text(path, characters):
    """The first characters of a file or of the King James Bible, a verse a line, as docs/examples/zoo/corpus.cc."""
    if path:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    else:
        verses = subprocess.run(["bible", "-f", "Gen1:1-Rev22:21"], capture_output=True, check=True, text=True,
                                stdin=subprocess.DEVNULL).stdout
        text = "".join(line.partition(" ")[2] + "\n" for line in verses.splitlines())
    return text[:characters] if characters else text


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))

    def forward(self, x):
        n, t, e = x.shape
        q, k, v = (f(x).view(n, t, self.heads, -1).transpose(1, 2) for f in (self.query, self.key, self.value))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.out(y.transpose(1, 2).reshape(n, t, e))


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = Attention(width, heads)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x):
        x = x + self.attention(self.norm1(x))
        return x + self.down(F.gelu(self.up(self.norm2(x))))


class Gpt(nn.Module):
    def __init__(self, vocabulary, o):
        super().__init__()
        self.tokens = nn.Embedding(vocabulary, o.width)
        self.positions = nn.Embedding(o.block, o.width)
        self.blocks = nn.ModuleList(Block(o.width, o.heads) for _ in range(o.layers))
        self.norm = nn.LayerNorm(o.width)
        for name, p in self.named_parameters():
            if p.dim() >= 2:
                residual = name.endswith(("attention.out.weight", "down.weight"))
                nn.init.normal_(p, 0.0, 0.02 / math.sqrt(2 * o.layers) if residual else 0.02)
            elif name.endswith("bias"):
                nn.init.zeros_(p)

    def forward(self, x):
        h = self.tokens(x) + self.positions.weight[: x.shape[1]]
        for block in self.blocks:
            h = block(h)
        return F.linear(self.norm(h), self.tokens.weight)


def loss_of(model, x, y):
    return F.cross_entropy(model(x).flatten(0, 1), y.flatten())


@torch.no_grad()
def validation_loss(model, codes, o):
    """Over all of the text, cut into windows that do not overlap; the last, shorter one is left out."""
    total, count = 0.0, (len(codes) - 1) // o.block
    starts = torch.arange(count) * o.block
    for some in starts.split(64):
        at = some[:, None] + torch.arange(o.block)
        total += loss_of(model, codes[at], codes[at + 1]).item() * len(some)
    return total / count


def main():
    p = argparse.ArgumentParser()
    for name, value in (("layers", 4), ("heads", 4), ("width", 128), ("block", 64), ("batch-size", 12),
                        ("steps", 2000), ("warm-up", 100), ("characters", 1115394), ("eval-interval", 500),
                        ("seed", 0), ("threads", 1)):
        p.add_argument("--" + name, type=int, default=value)
    for name, value in (("lr", 1e-3), ("min-lr", 1e-4), ("weight-decay", 0.1), ("clip", 1.0)):
        p.add_argument("--" + name, type=float, default=value)
    p.add_argument("--data", default="")
    o = p.parse_args()
    torch.set_num_threads(o.threads)
    torch.manual_seed(o.seed)

    text = load_text(o.data, o.characters)
    vocabulary = {c: i for i, c in enumerate(sorted(set(text)))}
    codes = torch.tensor([vocabulary[c] for c in text])
    train, test = codes[: len(codes) * 9 // 10], codes[len(codes) * 9 // 10:]
    model = Gpt(len(vocabulary), o)
    print(f"torch {torch.__version__}: {len(text)} characters, {len(vocabulary)} different ones, "
          f"{sum(p.numel() for p in model.parameters())} parameters")

    opt = torch.optim.AdamW([{"params": [p for p in model.parameters() if p.dim() >= 2],
                              "weight_decay": o.weight_decay},
                             {"params": [p for p in model.parameters() if p.dim() < 2], "weight_decay": 0.0}],
                            lr=o.lr, betas=(0.9, 0.99), fused=True)

    def lr_at(step):
        first = 1 / (o.warm_up + 1)
        if step < o.warm_up:
            return o.lr * (first + (1 - first) * step / o.warm_up)
        part = (step - o.warm_up) / max(1, o.steps - o.warm_up)
        return o.min_lr + (o.lr - o.min_lr) * (1 + math.cos(math.pi * part)) / 2

    seconds = 0.0
    for step in range(o.steps):
        start = time.perf_counter()
        for group in opt.param_groups:
            group["lr"] = lr_at(step)
        at = torch.randint(len(train) - o.block, (o.batch_size, 1)) + torch.arange(o.block)
        loss = loss_of(model, train[at], train[at + 1])
        opt.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), o.clip)
        opt.step()
        seconds += time.perf_counter() - start
        if (step + 1) % o.eval_interval == 0 or step + 1 == o.steps:
            valid = validation_loss(model, test, o)
            print(f"step {step + 1}  train loss {loss.item():.4f}  validation loss {valid:.4f}  "
                  f"bits per character {valid / math.log(2):.4f}  {1e3 * seconds / (step + 1):.2f} ms a step",
                  flush=True)


if __name__ == "__main__":
    sys.exit(main())
