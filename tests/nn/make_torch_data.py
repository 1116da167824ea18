#!/usr/bin/env python3
"""Writes tests/nn/data/*.safetensors: layers of torch with their state, inputs, outputs and gradients, in f64.

    make_torch_data.py            (needs torch; made with 2.15)

A case NAME holds NAME/state.*, the state dict before the call; NAME/in.*; NAME/out.*; NAME/seed.*, a cotangent for
each output; NAME/grad.* for each parameter and NAME/grad_in.* for each floating input; NAME/after.*, buffers that the
call changed. Written without the safetensors package, which is not needed to write a file.
"""
import json
import pathlib
import struct

import torch
from torch import nn
from torch.nn.utils import parametrizations
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

FOLDER = pathlib.Path(__file__).resolve().parent / "data"
NAMES = {torch.float64: "F64", torch.int64: "I64", torch.bool: "BOOL"}
torch.set_default_dtype(torch.float64)


def write(name, tensors):
    header, body = {}, b""
    for key, t in tensors.items():
        data = raw(t)
        header[key] = {"dtype": NAMES[t.dtype], "shape": list(t.shape), "data_offsets": [len(body), len(body) + len(data)]}
        body += data
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    (FOLDER / f"{name}.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + body)


def raw(t):
    code = {torch.float64: "d", torch.int64: "q", torch.bool: "?"}[t.dtype]
    values = t.flatten().tolist()
    return struct.pack(f"<{len(values)}{code}", *values)


class File:
    def __init__(self, name):
        self.name, self.tensors = name, {}

    def case(self, case, module, call, inputs, train=True, perturb=True):
        """call(module, inputs) -> {name: output}"""
        module.train(train)
        if perturb:  # constants such as the ones of norms would hide mistakes
            with torch.no_grad():
                for p in module.parameters():
                    p.add_(0.3 * torch.randn_like(p))
        put = self.tensors.__setitem__
        for key, t in module.state_dict().items():
            put(f"{case}/state.{key}", t.clone())
        floats = {k: t.clone().requires_grad_(True) for k, t in inputs.items() if t.dtype == torch.float64}
        given = {**inputs, **floats}
        for key, t in given.items():
            put(f"{case}/in.{key}", t.detach().clone())
        outputs = call(module, given)
        loss = 0.0
        for key, t in outputs.items():
            seed = torch.randn_like(t)
            put(f"{case}/out.{key}", t.detach().clone())
            put(f"{case}/seed.{key}", seed)
            loss = loss + (t * seed).sum()
        loss.backward()
        for key, p in module.named_parameters():
            if p.grad is not None:
                put(f"{case}/grad.{key}", p.grad.clone())
        for key, t in floats.items():
            if t.grad is not None:
                put(f"{case}/grad_in.{key}", t.grad.clone())
        for key, t in module.named_buffers():
            put(f"{case}/after.{key}", t.detach().clone())

    def write(self):
        write(self.name, self.tensors)


def simple(module, x):
    return {"y": module(x["x"])}


def flat(result):
    y, (h, c) = result
    return y, h, c


def recurrent():
    f = File("recurrent")
    lengths = torch.tensor([4, 2, 3])

    def run(module, x):
        packed = pack_padded_sequence(x["x"], x["lengths"], enforce_sorted=False)
        if isinstance(module, nn.LSTM):
            y, (h, c) = module(packed, (x["h0"], x["c0"]))
        else:
            y, h = module(packed, x["h0"])
        y = pad_packed_sequence(y)[0]
        return {"y": y, "h_n": h, "c_n": c} if isinstance(module, nn.LSTM) else {"y": y, "h_n": h}

    for kind in ("RNN", "LSTM", "GRU"):
        module = getattr(nn, kind)(3, 2, num_layers=2, bidirectional=True)
        inputs = {"x": torch.randn(4, 3, 3), "h0": torch.randn(4, 3, 2), "lengths": lengths}
        if kind == "LSTM":
            inputs["c0"] = torch.randn(4, 3, 2)
        f.case(kind, module, run, inputs)
    f.case("RNN_relu", nn.RNN(3, 4, nonlinearity="relu", bias=False, batch_first=True),
           lambda m, x: dict(zip(("y", "h_n"), m(x["x"]))), {"x": torch.randn(2, 5, 3)})
    f.case("RNNCell", nn.RNNCell(3, 2), lambda m, x: {"h": m(x["x"], x["h"])},
           {"x": torch.randn(4, 3), "h": torch.randn(4, 2)})
    f.case("GRUCell", nn.GRUCell(3, 2), lambda m, x: {"h": m(x["x"], x["h"])},
           {"x": torch.randn(4, 3), "h": torch.randn(4, 2)})
    f.case("LSTMCell", nn.LSTMCell(3, 2), lambda m, x: dict(zip("hc", m(x["x"], (x["h"], x["c"])))),
           {"x": torch.randn(4, 3), "h": torch.randn(4, 2), "c": torch.randn(4, 2)})
    f.case("LSTM_proj", nn.LSTM(3, 4, num_layers=2, bidirectional=True, proj_size=2), run,
           {"x": torch.randn(4, 3, 3), "h0": torch.randn(4, 3, 2), "c0": torch.randn(4, 3, 4), "lengths": lengths})
    f.case("LSTM_proj_batch_first", nn.LSTM(3, 5, bias=False, batch_first=True, proj_size=3),
           lambda m, x: dict(zip(("y", "h_n", "c_n"), flat(m(x["x"])))),
           {"x": torch.randn(2, 4, 3)})
    f.case("LSTM_proj_unbatched", nn.LSTM(3, 4, proj_size=1),
           lambda m, x: dict(zip(("y", "h_n", "c_n"), flat(m(x["x"], (x["h0"], x["c0"]))))),
           {"x": torch.randn(5, 3), "h0": torch.randn(1, 1), "c0": torch.randn(1, 4)})
    f.write()


def attention():
    f = File("attention")
    padding = torch.tensor([[False, False, False, True], [False, False, False, False], [False, True, True, False]])
    hidden = torch.tensor([[0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0], [1, 0, 0, 0]], dtype=torch.bool)

    def self_attention(m, x):
        y, w = m(x["x"], x["x"], x["x"], key_padding_mask=x["padding"], attn_mask=x["mask"])
        return {"y": y, "weights": w}

    f.case("self", nn.MultiheadAttention(6, 2), self_attention,
           {"x": torch.randn(4, 3, 6), "padding": padding, "mask": hidden})

    def cross(m, x):
        y, w = m(x["q"], x["k"], x["v"], attn_mask=x["mask"], average_attn_weights=False)
        return {"y": y, "weights": w}

    f.case("cross", nn.MultiheadAttention(6, 2, kdim=5, vdim=4, add_bias_kv=True, add_zero_attn=True, batch_first=True),
           cross, {"q": torch.randn(3, 2, 6), "k": torch.randn(3, 4, 5), "v": torch.randn(3, 4, 4),
                   "mask": torch.randn(6, 2, 4)})
    f.case("unbatched", nn.MultiheadAttention(6, 3, bias=False),
           lambda m, x: {"y": m(x["q"], x["k"], x["k"])[0]}, {"q": torch.randn(2, 6), "k": torch.randn(3, 6)})

    for name, options in (("", {}), ("_first", {"norm_first": True, "activation": "gelu", "batch_first": True})):
        dim = 1 if options else 0
        shape = (3, 4, 6) if options else (4, 3, 6)
        short = (3, 2, 6) if options else (2, 3, 6)
        layer = nn.TransformerEncoderLayer(6, 2, 5, dropout=0.0, **options)
        causal = nn.Transformer.generate_square_subsequent_mask(4)
        f.case("encoder" + name, layer, lambda m, x: {"y": m(x["x"], src_key_padding_mask=x["padding"])},
               {"x": torch.randn(*shape), "padding": padding})
        f.case("causal_encoder" + name, nn.TransformerEncoderLayer(6, 2, 5, dropout=0.0, **options),
               lambda m, x, c=causal: {"y": m(x["x"], src_mask=c, is_causal=True)}, {"x": torch.randn(*shape)})
        layer = nn.TransformerDecoderLayer(6, 2, 5, dropout=0.0, **options)
        c2 = nn.Transformer.generate_square_subsequent_mask(2)
        f.case("decoder" + name, layer,
               lambda m, x, c=c2: {"y": m(x["x"], x["memory"], tgt_mask=c, memory_key_padding_mask=x["padding"])},
               {"x": torch.randn(*short), "memory": torch.randn(*shape), "padding": padding})
    f.case("transformer", nn.Transformer(6, 2, 2, 2, 5, dropout=0.0), lambda m, x: {"y": m(x["src"], x["tgt"])},
           {"src": torch.randn(4, 3, 6), "tgt": torch.randn(2, 3, 6)})
    f.write()


def norm():
    f = File("norm")

    def twice(m, x):
        m(x["x"].detach() * 2 + 1)
        return {"y": m(x["x"])}

    f.case("BatchNorm1d", nn.BatchNorm1d(3), twice, {"x": torch.randn(5, 3)})
    f.case("BatchNorm1d_places", nn.BatchNorm1d(3, momentum=0.4), twice, {"x": torch.randn(2, 3, 4)})
    f.case("BatchNorm2d", nn.BatchNorm2d(3, momentum=None), twice, {"x": torch.randn(2, 3, 2, 3)})
    f.case("BatchNorm3d", nn.BatchNorm3d(2, affine=False), twice, {"x": torch.randn(2, 2, 2, 3, 2)})
    m = nn.BatchNorm2d(3)
    m(torch.randn(2, 3, 4, 4) * 3 + 1)
    f.case("BatchNorm2d_eval", m, simple, {"x": torch.randn(2, 3, 2, 3)}, train=False)
    f.case("BatchNorm2d_stateless", nn.BatchNorm2d(3, track_running_stats=False), simple,
           {"x": torch.randn(2, 3, 2, 3)}, train=False)
    f.case("InstanceNorm1d", nn.InstanceNorm1d(3), simple, {"x": torch.randn(2, 3, 4)})
    f.case("InstanceNorm2d", nn.InstanceNorm2d(3, affine=True, track_running_stats=True), twice,
           {"x": torch.randn(2, 3, 2, 3)})
    f.case("InstanceNorm3d", nn.InstanceNorm3d(2, affine=True), simple, {"x": torch.randn(2, 2, 3, 2)})
    f.case("LayerNorm", nn.LayerNorm([3, 4]), simple, {"x": torch.randn(2, 3, 4)})
    f.case("LayerNorm_no_bias", nn.LayerNorm(4, eps=0.1, bias=False), simple, {"x": torch.randn(2, 3, 4)})
    f.case("RMSNorm", nn.RMSNorm(4), simple, {"x": torch.randn(2, 3, 4)})
    f.case("GroupNorm", nn.GroupNorm(2, 6), simple, {"x": torch.randn(2, 6, 3)})
    f.case("LocalResponseNorm", nn.LocalResponseNorm(3, alpha=0.2), simple, {"x": torch.randn(2, 6, 3)})
    f.write()


def layers():
    f = File("layers")
    f.case("Bilinear", nn.Bilinear(3, 4, 2), lambda m, x: {"y": m(x["a"], x["b"])},
           {"a": torch.randn(5, 3), "b": torch.randn(5, 4)})
    f.case("Conv1d", nn.Conv1d(4, 6, 3, stride=2, padding=1, groups=2), simple, {"x": torch.randn(2, 4, 7)})
    f.case("Conv2d", nn.Conv2d(2, 3, (3, 2), stride=(2, 1), padding=(1, 0), dilation=(1, 2), bias=False), simple,
           {"x": torch.randn(2, 2, 5, 6)})
    f.case("Conv2d_same", nn.Conv2d(2, 3, (4, 3), padding="same", padding_mode="circular"), simple,
           {"x": torch.randn(2, 2, 5, 6)})
    f.case("Conv2d_reflect", nn.Conv2d(2, 3, 3, padding=(1, 2), padding_mode="reflect"), simple,
           {"x": torch.randn(2, 2, 5, 6)})
    f.case("Conv3d", nn.Conv3d(2, 3, 2, padding=1, padding_mode="replicate"), simple, {"x": torch.randn(1, 2, 3, 3, 4)})
    f.case("ConvTranspose1d", nn.ConvTranspose1d(4, 6, 3, stride=2, padding=1, output_padding=1, groups=2), simple,
           {"x": torch.randn(2, 4, 5)})
    f.case("ConvTranspose2d", nn.ConvTranspose2d(2, 3, (3, 2), dilation=2, bias=False), simple,
           {"x": torch.randn(2, 2, 3, 4)})
    f.case("ConvTranspose3d", nn.ConvTranspose3d(2, 3, 2, stride=2), simple, {"x": torch.randn(1, 2, 2, 3, 2)})
    f.case("Embedding", nn.Embedding(5, 3, padding_idx=-2), simple, {"x": torch.tensor([[0, 3, 4], [3, 1, 0]])})
    offsets = torch.tensor([0, 3, 3])
    for mode in ("sum", "mean", "max"):
        f.case(f"EmbeddingBag_{mode}", nn.EmbeddingBag(6, 3, mode=mode, padding_idx=2),
               lambda m, x: {"y": m(x["x"], x["offsets"])},
               {"x": torch.tensor([0, 2, 4, 5, 5, 1]), "offsets": offsets})
    f.case("EmbeddingBag_weighted", nn.EmbeddingBag(6, 3, mode="sum"),
           lambda m, x: {"y": m(x["x"], per_sample_weights=x["w"])},
           {"x": torch.tensor([[0, 2, 4], [5, 5, 1]]), "w": torch.randn(2, 3)})
    f.case("PReLU", nn.PReLU(3), simple, {"x": torch.randn(2, 3, 4)})
    for name, m, x in (
            ("MaxPool2d", nn.MaxPool2d(3, 2, padding=1), torch.randn(1, 2, 6, 7)),
            ("AvgPool1d", nn.AvgPool1d(3, 2, padding=1, count_include_pad=False), torch.randn(1, 2, 7)),
            ("LPPool2d", nn.LPPool2d(3, (2, 3), stride=2), torch.randn(1, 2, 6, 7).abs()),
            ("AdaptiveAvgPool3d", nn.AdaptiveAvgPool3d((2, 1, 3)), torch.randn(1, 2, 3, 4, 5)),
            ("AdaptiveMaxPool1d", nn.AdaptiveMaxPool1d(3), torch.randn(1, 2, 7)),
            ("Upsample", nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True), torch.randn(1, 2, 3, 2)),
            ("PixelShuffle", nn.PixelShuffle(2), torch.randn(1, 4, 2, 3)),
            ("PixelUnshuffle", nn.PixelUnshuffle(2), torch.randn(1, 1, 4, 6)),
            ("ChannelShuffle", nn.ChannelShuffle(2), torch.randn(1, 4, 2, 2))):
        f.case(name, m, simple, {"x": x})
    for name, m in (
            ("LeakyReLU", nn.LeakyReLU(0.2)), ("Hardtanh", nn.Hardtanh(-0.5, 0.75)), ("Threshold", nn.Threshold(0.1, -2)),
            ("ELU", nn.ELU(0.7)), ("CELU", nn.CELU(0.7)), ("SELU", nn.SELU()), ("GELU", nn.GELU()),
            ("GELU_tanh", nn.GELU("tanh")), ("Softplus", nn.Softplus(2, 1.5)), ("Hardshrink", nn.Hardshrink(0.3)),
            ("Softshrink", nn.Softshrink(0.3)), ("LogSoftmax", nn.LogSoftmax(1)), ("Softmin", nn.Softmin(1)),
            ("GLU", nn.GLU(1)), ("ReLU6", nn.ReLU6()), ("SiLU", nn.SiLU()), ("Mish", nn.Mish()),
            ("Hardswish", nn.Hardswish()), ("Hardsigmoid", nn.Hardsigmoid()), ("LogSigmoid", nn.LogSigmoid()),
            ("Softsign", nn.Softsign()), ("Tanhshrink", nn.Tanhshrink())):
        f.case(name, m, simple, {"x": 2 * torch.randn(3, 4)})
    for name, p in (("", 2.0), ("_l1", 1.0), ("_inf", float("inf"))):  # the weight: its rows after the call
        f.case("Embedding_max_norm" + name, nn.Embedding(6, 3, padding_idx=1, max_norm=0.8, norm_type=p),
               lambda m, x: {"y": m(x["x"]), "weight": m.weight.detach()}, {"x": torch.tensor([[0, 3, 4], [3, 1, 0]])})
    f.case("EmbeddingBag_max_norm", nn.EmbeddingBag(6, 3, mode="sum", max_norm=1.1, norm_type=3.0),
           lambda m, x: {"y": m(x["x"], per_sample_weights=x["w"]), "weight": m.weight.detach()},
           {"x": torch.tensor([[0, 2, 4], [5, 5, 1]]), "w": torch.randn(2, 3)})
    f.write()


def parametrized():
    f = File("parametrized")
    wn, sn = parametrizations.weight_norm, parametrizations.spectral_norm
    f.case("weight_norm_linear", wn(nn.Linear(3, 4)), simple, {"x": torch.randn(2, 3)})
    f.case("weight_norm_whole", wn(nn.Linear(3, 4, bias=False), dim=None), simple, {"x": torch.randn(2, 3)})
    f.case("weight_norm_conv", wn(nn.Conv2d(2, 3, 2), dim=1), simple, {"x": torch.randn(1, 2, 3, 3)})
    f.case("spectral_norm_linear", sn(nn.Linear(3, 4)), simple, {"x": torch.randn(2, 3)}, perturb=False)
    f.case("spectral_norm_eval", sn(nn.Linear(3, 4)), simple, {"x": torch.randn(2, 3)}, train=False)
    f.case("spectral_norm_conv", sn(nn.Conv2d(2, 3, 2), n_power_iterations=2), simple,
           {"x": torch.randn(1, 2, 3, 3)})
    f.case("spectral_norm_transpose", sn(nn.ConvTranspose1d(2, 3, 2)), simple, {"x": torch.randn(1, 2, 3)})
    f.write()


if __name__ == "__main__":
    for seed, make in enumerate((recurrent, attention, norm, layers, parametrized)):
        torch.manual_seed(seed)
        make()
