#!/usr/bin/env python3
"""Writes tests/data/files: small files of NumPy and PyTorch for the tests of their readers.

Needs the packages numpy and torch of PyPI:  python tests/data/make_files.py
"""
import collections
import pathlib

import numpy as np
import torch

folder = pathlib.Path(__file__).parent / "files"
folder.mkdir(exist_ok=True)


def counting(*shape, dtype=torch.float32, start=0):
    n = int(np.prod(shape))
    return torch.arange(start, start + n, dtype=torch.float64).reshape(shape).to(dtype)


# --- PyTorch
model = torch.nn.Sequential(collections.OrderedDict(fc=torch.nn.Linear(3, 2), norm=torch.nn.BatchNorm1d(2)))
with torch.no_grad():
    for i, p in enumerate(model.parameters()):
        p.copy_(counting(*p.shape, start=10 * i))
torch.save(model.state_dict(), folder / "state_dict.pt")

optimizer = torch.optim.Adam(model.parameters(), lr=0.5)
for p in model.parameters():
    p.grad = torch.ones_like(p)
before = {k: v.clone() for k, v in model.state_dict().items()}
optimizer.step()
torch.save({"model": before, "optimizer": optimizer.state_dict(), "epoch": 3, "loss": 0.25, "done": True,
            "note": "h\u00e9", "nothing": None, "big": 2**62, "negative": -(2**40), "sizes": torch.Size([4, 5]),
            "list": [counting(2), (counting(1, start=7), "end")]}, folder / "checkpoint.pt")

whole = counting(4, 6)
dtypes = {str(d).split(".")[1]: counting(3, dtype=d, start=1)
          for d in (torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16, torch.int8,
                    torch.uint8, torch.uint16, torch.uint32, torch.uint64)}
torch.save({"whole": whole, "transposed": whole.t(), "part": whole[1:3, ::2], "permuted": counting(2, 3, 4).permute(2, 0, 1),
            "scalar": torch.tensor(1.5), "empty": torch.zeros(0, 3), "bools": torch.tensor([True, False, True]),
            "parameter": torch.nn.Parameter(counting(2)), **dtypes}, folder / "views.pt")
torch.save(counting(2, 2), folder / "tensor.pt")
torch.save(torch.nn.Linear(1, 1), folder / "module.pt")
torch.save(counting(2), folder / "legacy.pt", _use_new_zipfile_serialization=False)
torch.save({"wide": torch.zeros(1).expand(1000)}, folder / "expanded.pt")
torch.save({"c": torch.zeros(2, dtype=torch.complex64)}, folder / "complex.pt")
torch.jit.script(torch.nn.Linear(1, 1)).save(str(folder / "script.pt"))

# --- NumPy
a = np.arange(6, dtype=np.float32).reshape(2, 3)
np.save(folder / "plain.npy", a)
np.save(folder / "fortran.npy", np.asfortranarray(np.arange(24, dtype=np.int16).reshape(2, 3, 4)))
np.save(folder / "big_endian.npy", np.arange(5, dtype=">f8"))
np.save(folder / "scalar.npy", np.float64(2.5))
np.save(folder / "objects.npy", np.array([{}, None], dtype=object), allow_pickle=True)
np.save(folder / "structures.npy", np.zeros(2, dtype=[("x", "<f4"), ("y", "<i4")]))
np.save(folder / "complex.npy", np.zeros(2, dtype=np.complex64))
np.savez(folder / "stored.npz", a=a, **{"b.c": np.array([True, False])})
np.savez_compressed(folder / "compressed.npz", a=a, halves=np.arange(3, dtype=np.float16), empty=np.zeros((0, 2), np.uint8),
                    words=np.array([1, 2], dtype=np.uint64))
np.savez_compressed(folder / "zeros.npz", z=np.zeros(2_000_000, np.uint8))
