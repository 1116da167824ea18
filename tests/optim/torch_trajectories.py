#!/usr/bin/env python3
"""Writes what torch's optimizers and schedules do, in f64, as tests/optim/torch/*.json, which the tests compare with.

usage: python torch_trajectories.py        (needs the torch package; the files are committed, so tests need none)

The problem is that of trajectory.h: weights sin(1.7 i + 0.3), and gradients that depend on weights and step.
"""
import json
import math
import pathlib
import warnings

import torch

OUT = pathlib.Path(__file__).parent / "torch"
STEPS = 30
RECORDED = (1, 2, 7, 30)
torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)


def start(n):
    return [math.sin(1.7 * i + 0.3) for i in range(n)]


def gradient(w, step):
    return [(0.5 + 0.1 * i) * (w[i] - math.cos(i)) + 0.3 * math.sin(2.1 * step + i) for i in range(len(w))]


def text(x, indent=""):
    """JSON with one line a row of numbers, so that a change of one case is a change of few lines."""
    parts = x.values() if isinstance(x, dict) else x if isinstance(x, list) else ()
    if not any(isinstance(part, (dict, list)) for part in parts):
        return json.dumps(x)
    deeper = indent + " "
    if isinstance(x, dict):
        lines = [f"{deeper}{json.dumps(k)}: {text(v, deeper)}" for k, v in x.items()]
        return "{\n" + ",\n".join(lines) + f"\n{indent}}}"
    return "[\n" + ",\n".join(deeper + text(v, deeper) for v in x) + f"\n{indent}]"


def dump(name, content):
    (OUT / f"{name}.json").write_text(text(content) + "\n")


# Names of options that are pairs in torch and two numbers in a state here.
PAIRS = {"betas": ("beta1", "beta2"), "etas": ("etaminus", "etaplus"),
         "step_sizes": ("step_size_min", "step_size_max"), "eps": ("eps1", "eps2"),
         "ns_coefficients": ("ns_a", "ns_b", "ns_c")}
TORCH_ONLY = {"foreach", "capturable", "differentiable", "fused", "line_search_fn", "adjust_lr_fn"}


def flat(options):
    out = {}
    for name, value in options.items():
        if name in TORCH_ONLY:
            continue
        if isinstance(value, (tuple, list)):
            for part, x in zip(PAIRS[name], value):
                out[part] = x
        else:
            out[name] = value
    return {k: float(v) for k, v in out.items() if v is not None}


def follow(cls, options, shape=(11,)):
    n = math.prod(shape)
    w = torch.tensor(start(n)).reshape(shape).requires_grad_()
    opt = cls([w], **options)
    rows = []
    for step in range(STEPS):
        w.grad = torch.tensor(gradient(w.detach().flatten().tolist(), step)).reshape(shape)
        opt.step()
        if step + 1 in RECORDED:
            rows.append(w.detach().flatten().tolist())
    return {"options": flat(options), "shape": list(shape), "weights": rows}


def optimizer(cls, *cases, shapes=((11,),), name=None, skip=()):
    w = torch.tensor([[1.0]]).requires_grad_()
    defaults = {k: v for k, v in flat(cls([w]).defaults).items() if k not in skip}
    rows = [follow(cls, c, shape) for c in cases for shape in shapes]
    dump(name or cls.__name__.lower(), {"optimizer": cls.__name__, "defaults": defaults,
                                        "recorded": list(RECORDED), "cases": rows})


def optimizers():
    o = torch.optim
    optimizer(o.SGD, {}, dict(lr=0.05, momentum=0.9), dict(lr=0.05, momentum=0.9, dampening=0.3, weight_decay=0.1),
              dict(lr=0.05, momentum=0.8, nesterov=True, maximize=True))
    adam = [{}, dict(lr=0.05, betas=(0.8, 0.9), weight_decay=0.1), dict(lr=0.05, amsgrad=True, eps=1e-3),
            dict(lr=0.05, maximize=True, betas=(0.0, 0.5))]
    # AdamW is an optimizer of its own here.
    optimizer(o.Adam, *adam, skip=("decoupled_weight_decay",))
    optimizer(o.AdamW, *adam, skip=("decoupled_weight_decay",))
    optimizer(o.Adamax, {}, dict(lr=0.05, betas=(0.8, 0.9), weight_decay=0.1), dict(lr=0.05, maximize=True, eps=1e-3))
    optimizer(o.NAdam, {}, dict(lr=0.05, betas=(0.8, 0.9), weight_decay=0.1),
              dict(lr=0.05, weight_decay=0.1, decoupled_weight_decay=True, momentum_decay=0.1),
              dict(lr=0.05, maximize=True, eps=1e-3))
    optimizer(o.RAdam, {}, dict(lr=0.05, betas=(0.8, 0.9), weight_decay=0.1),
              dict(lr=0.05, weight_decay=0.1, decoupled_weight_decay=True), dict(lr=0.05, maximize=True, eps=1e-3),
              dict(lr=0.05, betas=(0.5, 0.5)))
    optimizer(o.Adagrad, {}, dict(lr=0.1, lr_decay=0.1, weight_decay=0.1),
              dict(lr=0.1, initial_accumulator_value=0.5, eps=1e-3, maximize=True))
    optimizer(o.Adadelta, {}, dict(lr=0.5, rho=0.5, weight_decay=0.1), dict(eps=1e-2, maximize=True))
    optimizer(o.RMSprop, {}, dict(alpha=0.5, weight_decay=0.1), dict(momentum=0.9, eps=1e-3),
              dict(centered=True), dict(centered=True, momentum=0.5, maximize=True))
    optimizer(o.Rprop, {}, dict(lr=0.1, etas=(0.3, 1.5), step_sizes=(1e-3, 0.2)), dict(maximize=True))
    optimizer(o.ASGD, {}, dict(lr=0.1, lambd=0.1, alpha=0.5, t0=3), dict(weight_decay=0.1, t0=0, maximize=True))
    optimizer(o.Adafactor, {}, dict(lr=0.1, weight_decay=0.1, beta2_decay=-0.5), dict(lr=0.1, d=1.5, eps=(1e-3, 0.1)),
              dict(lr=0.1, maximize=True), shapes=((11,), (3, 4), (2, 3, 2), ()))


def muon():
    """torch orthogonalises in bfloat16; the same iteration in f64 is put in its place."""
    import torch.optim._muon as module

    def zeropower(grad, coefficients, steps, eps):
        a, b, c = coefficients
        x = grad.T if grad.size(0) > grad.size(1) else grad
        x = x / x.norm().clamp(min=eps)
        for _ in range(steps):
            gram = x @ x.T
            x = a * x + (b * gram + c * gram @ gram) @ x
        return x.T if grad.size(0) > grad.size(1) else x

    module._zeropower_via_newtonschulz = zeropower
    cases = [{}, dict(lr=0.05, weight_decay=0.0, nesterov=False), dict(lr=0.05, momentum=0.5, ns_steps=3),
             dict(lr=0.05, eps=10.0)]
    optimizer(torch.optim.Muon, *cases, shapes=((3, 4), (5, 2), (3, 3)))
    content = json.loads((OUT / "muon.json").read_text())
    for code, name in ((1, "match_rms_adamw"), (2, "spectral_unclamped")):
        for shape in ((3, 4), (5, 2)):
            case = follow(torch.optim.Muon, dict(lr=0.05, adjust_lr_fn=name), shape)
            case["options"]["adjust_lr_fn"] = float(code)
            content["cases"].append(case)
    dump("muon", content)


def lbfgs():
    def rosenbrock(x):
        return sum(100 * (x[i + 1] - x[i] ** 2) ** 2 + (1 - x[i]) ** 2 for i in range(len(x) - 1))

    def quadratic(x):
        i = torch.arange(len(x))
        return (0.5 * (0.5 + i) * (x - torch.cos(i)) ** 2).sum() + 0.1 * x.sum() ** 2

    cases = []
    for name, f in (("rosenbrock", rosenbrock), ("quadratic", quadratic)):
        for options in (dict(line_search_fn="strong_wolfe"), dict(line_search_fn="strong_wolfe", history_size=3, max_iter=5),
                        dict(line_search_fn="strong_wolfe", lr=0.1, max_iter=7, max_eval=9),
                        dict(lr=1e-3 if name == "rosenbrock" else 0.5, max_iter=6),
                        dict(lr=1e-3 if name == "rosenbrock" else 0.5, max_iter=6, history_size=2)):
            x = torch.tensor([-1.2, 1.0, 0.5, -0.7, 0.2]).requires_grad_()
            opt = torch.optim.LBFGS([x], **options)

            def closure():
                opt.zero_grad()
                loss = f(x)
                loss.backward()
                return loss

            rows = []
            for _ in range(4):
                loss = float(opt.step(closure))
                state = opt.state[x]
                rows.append([loss, float(state["func_evals"]), float(state["n_iter"])] + x.detach().tolist())
            cases.append({"function": name, "strong_wolfe": "line_search_fn" in options, "options": flat(options),
                          "rows": rows})
    w = torch.tensor([1.0]).requires_grad_()
    dump("lbfgs", {"defaults": flat(torch.optim.LBFGS([w]).defaults), "cases": cases})


def schedules():
    s = torch.optim.lr_scheduler
    cases = {}

    def run(name, make, steps=25, base=0.1, momentum=False, opt=torch.optim.SGD):
        w = torch.tensor([1.0]).requires_grad_()
        options = dict(lr=base, momentum=0.9) if opt is torch.optim.SGD else dict(lr=base)
        optimizer = opt([w], **options)
        scheduler = make(optimizer)
        rates, momenta = [], []
        for _ in range(steps):
            group = optimizer.param_groups[0]
            rates.append(group["lr"])
            momenta.append(group["momentum"] if "momentum" in group else group["betas"][0])
            optimizer.step()
            scheduler.step()
        cases[name] = {"base": base, "lr": rates} | ({"momentum": momenta} if momentum else {})

    run("constant", lambda o: s.ConstantLR(o))
    run("constant_half_7", lambda o: s.ConstantLR(o, factor=0.5, total_iters=7))
    run("linear", lambda o: s.LinearLR(o))
    run("linear_up_down", lambda o: s.LinearLR(o, start_factor=0.2, end_factor=0.7, total_iters=11))
    run("step", lambda o: s.StepLR(o, 6))
    run("step_gamma", lambda o: s.StepLR(o, 4, gamma=0.5))
    run("multi_step", lambda o: s.MultiStepLR(o, [3, 9, 9, 15], gamma=0.5))
    run("exponential", lambda o: s.ExponentialLR(o, 0.9))
    run("polynomial", lambda o: s.PolynomialLR(o))
    run("polynomial_2", lambda o: s.PolynomialLR(o, total_iters=17, power=2.0))
    run("cosine", lambda o: s.CosineAnnealingLR(o, 10))
    run("cosine_min", lambda o: s.CosineAnnealingLR(o, 20, eta_min=0.01))
    run("restarts", lambda o: s.CosineAnnealingWarmRestarts(o, 5))
    run("restarts_mult", lambda o: s.CosineAnnealingWarmRestarts(o, 3, T_mult=2, eta_min=0.01), steps=40)
    run("one_cycle", lambda o: s.OneCycleLR(o, 0.5, total_steps=25), momentum=True)
    run("one_cycle_linear", lambda o: s.OneCycleLR(o, 0.5, total_steps=25, pct_start=0.4, anneal_strategy="linear",
                                                   div_factor=10, final_div_factor=100, base_momentum=0.8,
                                                   max_momentum=0.9), momentum=True)
    run("one_cycle_three", lambda o: s.OneCycleLR(o, 0.5, total_steps=25, three_phase=True), momentum=True)
    run("one_cycle_adam", lambda o: s.OneCycleLR(o, 0.5, total_steps=25), momentum=True, opt=torch.optim.Adam)
    run("lambda", lambda o: s.LambdaLR(o, lambda t: 1 / (1 + t)))
    run("sequential", lambda o: s.SequentialLR(o, [s.LinearLR(o, 0.1, total_iters=5), s.ExponentialLR(o, 0.9)], [5]))
    run("sequential_3", lambda o: s.SequentialLR(
        o, [s.ConstantLR(o, factor=0.1, total_iters=30), s.StepLR(o, 3, gamma=0.5), s.ExponentialLR(o, 0.8)], [4, 15]))
    run("chained", lambda o: s.ChainedScheduler([s.LinearLR(o, 0.1, total_iters=5), s.ExponentialLR(o, 0.9)]))
    run("chained_3", lambda o: s.ChainedScheduler(
        [s.ConstantLR(o, factor=0.1, total_iters=3), s.StepLR(o, 4, gamma=0.5), s.ExponentialLR(o, 0.95)]))

    def plateau(name, metrics, **options):
        w = torch.tensor([1.0]).requires_grad_()
        optimizer = torch.optim.SGD([w], lr=0.1)
        scheduler = s.ReduceLROnPlateau(optimizer, **options)
        rates = []
        for m in metrics:
            scheduler.step(m)
            rates.append(optimizer.param_groups[0]["lr"])
        cases[name] = {"metrics": metrics, "lr": rates}

    falling = [math.exp(-0.3 * i) + 0.02 * math.sin(3.0 * i) for i in range(40)]
    plateau("plateau", falling, patience=2)
    plateau("plateau_abs", falling, patience=1, threshold_mode="abs", threshold=0.01, factor=0.5, min_lr=0.003)
    plateau("plateau_max", [-x for x in falling], mode="max", threshold_mode="abs", patience=0, cooldown=3, factor=0.3)
    plateau("plateau_max_rel", [1.5 - x for x in falling], mode="max", patience=3, eps=1e-3)
    dump("schedules", cases)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    OUT.mkdir(exist_ok=True)
    optimizers()
    muon()
    lbfgs()
    schedules()
