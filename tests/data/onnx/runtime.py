#!/usr/bin/env python3
"""Models that gradus wrote, checked by ONNX and run by ONNX Runtime with the same outputs.

    tests/data/onnx/runtime.py --setup VENV          makes the environment (from PyPI, versions as below)
    VENV/bin/python tests/data/onnx/runtime.py CASES checks the folders below CASES

A case is a folder with model.onnx and test_data_set_0/{input,output}_N.pb. tests_data writes one for every op,
sample and dtype when the environment names a folder: GRADUS_ONNX_CASES=CASES tests_data --gtest_filter='*OnnxSave*'.
With --tests TESTS_DATA that is done here, in a temporary folder. Exit code 1 if a case is wrong, 77 if the
packages are missing.
"""
import argparse
import collections
import fnmatch
import json
import os
import pathlib
import subprocess
import sys
import tempfile

PACKAGES = ["onnx==1.23.2", "onnxruntime==1.32.0", "numpy==2.4.6"]

# Cases, by name, in which ONNX Runtime on a CPU does something else than gradus.
NAN = "a NaN is passed over"
DIFFERENT = {
    "adaptive_max_pool_7_*": NAN,
    "amax_7_*": NAN,
    "amin_7_*": NAN,
    "argmax_6_*": NAN,
    "argmin_6_*": NAN,
    "max_7_*": NAN,
    "max_pool_12_[bf][f13]*": NAN,
    "min_7_*": NAN,
    "norm_10_*": NAN,
    "norm_14_*": NAN,
    "expand_4_bf16_*": "no elements: the shape is another",
    "fmod_3_[iu]*": "no elements: a divisor 0 that nothing is divided by is an error",
    "remainder_3_[iu]*": "no elements: a divisor 0 that nothing is divided by is an error",
    "log_softmax_8_f64_*": "infinities",
    "max_pool_11_*": "no channels: an error",
}


def setup(venv):
    subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    subprocess.run([pathlib.Path(venv) / "bin/pip", "install", "--quiet", *PACKAGES], check=True)


class Different(Exception):
    pass


def without_bfloat16(onnx, model):
    """The same model with float in the place of bfloat16 inputs and outputs, which numpy has not."""
    graph, bf16, f32 = model.graph, onnx.TensorProto.BFLOAT16, onnx.TensorProto.FLOAT
    for value in graph.input:
        if value.type.tensor_type.elem_type == bf16:
            value.type.tensor_type.elem_type = f32
            name = value.name
            value.name += "_float"
            graph.node.insert(0, onnx.helper.make_node("Cast", [value.name], [name], to=bf16))
    for value in graph.output:
        if value.type.tensor_type.elem_type == bf16:
            value.type.tensor_type.elem_type = f32
            graph.node.append(onnx.helper.make_node("Cast", [value.name], [value.name + "_float"], to=f32))
            value.name += "_float"
    return model


def load(onnx, np, path):
    tensor = onnx.load_tensor(path)
    array = onnx.numpy_helper.to_array(tensor)
    return array.astype(np.float32) if tensor.data_type == onnx.TensorProto.BFLOAT16 else array


def tolerance(np, array, is_bf16):
    if is_bf16:
        return 2.0**-6, 2e-3
    return {np.dtype(np.float64): (1e-9, 1e-11), np.dtype(np.float16): (2.0**-8, 1e-3)}.get(array.dtype, (1e-4, 1e-5))


def check(onnx, ort, np, folder):
    path = folder / "model.onnx"
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    bf16 = onnx.TensorProto.BFLOAT16
    is_bf16 = [v.type.tensor_type.elem_type == bf16 for v in model.graph.output]
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    content = without_bfloat16(onnx, model).SerializeToString()
    session = ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    data = folder / "test_data_set_0"
    given = {i.name: load(onnx, np, data / f"input_{k}.pb") for k, i in enumerate(session.get_inputs())}
    for k, result in enumerate(session.run(None, given)):
        expected = load(onnx, np, data / f"output_{k}.pb")
        if result.dtype != expected.dtype or result.shape != expected.shape:
            raise Different(f"output {k}: {result.dtype}{result.shape}, expected {expected.dtype}{expected.shape}")
        if result.dtype.kind != "f":
            same = np.array_equal(result, expected)
        else:
            rtol, atol = tolerance(np, result, is_bf16[k])
            same = np.allclose(result, expected, rtol=rtol, atol=atol, equal_nan=True)
        if not same:
            raise Different(f"output {k}: {result.ravel()[:8]}, expected {expected.ravel()[:8]}")


def outcome_of(onnx, ort, np, folder):
    try:
        check(onnx, ort, np, folder)
        return "same", ""
    except onnx.checker.ValidationError as e:
        return "refused by the checker", str(e)
    except Exception as e:  # the runtime has many
        text = str(e).replace("\n", " ")
        return "no kernel" if "NOT_IMPLEMENTED" in text else "wrong", f"{type(e).__name__}: {text}"


def outcomes(onnx, ort, np, folders):
    """One (outcome, text) a folder, from a process of its own, since some models end ONNX Runtime's."""
    done = 0
    while done < len(folders):
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(read)
            with os.fdopen(write, "w") as out:
                for folder in folders[done:]:
                    print(json.dumps(outcome_of(onnx, ort, np, folder)), file=out, flush=True)
            os._exit(0)
        os.close(write)
        with os.fdopen(read) as lines:
            for line in lines:
                yield json.loads(line)
                done += 1
        os.waitpid(child, 0)
        if done < len(folders):
            yield "wrong", "ONNX Runtime ended the process"
            done += 1


def run(cases, list_all):
    try:
        import numpy as np
        import onnx
        import onnxruntime as ort
    except ImportError as e:
        print(f"{e}: make the environment with --setup")
        return 77
    folders = sorted(p.parent for p in pathlib.Path(cases).rglob("model.onnx"))
    if not folders:
        print(f"{cases} holds no cases")
        return 1
    counts = collections.Counter()
    missing = collections.Counter()
    for folder, (outcome, text) in zip(folders, outcomes(onnx, ort, np, folders)):
        known = next((why for name, why in DIFFERENT.items() if fnmatch.fnmatchcase(folder.name, name)), None)
        if outcome == "no kernel":
            missing[text.split("implementation for ")[-1].split(" node")[0]] += 1
        elif known is not None:
            outcome = "known to differ" if outcome == "wrong" else "listed as different, but " + outcome
        if outcome not in ("same", "known to differ") and (outcome != "no kernel" or list_all):
            print(f"{folder.name}: {outcome}: {text[:400]}")
        counts[outcome] += 1
    for name, n in sorted(missing.items()):
        print(f"no kernel: {name}: {n}")
    print(f"onnx {onnx.__version__}, onnxruntime {ort.__version__}: {len(folders)} models: "
          + ", ".join(f"{n} {outcome}" for outcome, n in sorted(counts.items())))
    return 0 if set(counts) <= {"same", "no kernel", "known to differ"} and counts["same"] > 0 else 1


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="?")
    parser.add_argument("--setup", metavar="VENV")
    parser.add_argument("--tests", metavar="TESTS_DATA", help="the test program, which writes the cases")
    parser.add_argument("--list", action="store_true", help="also name what the runtime has no kernel for")
    args = parser.parse_args()
    if args.setup:
        return setup(args.setup)
    if args.cases:
        return run(args.cases, args.list)
    if not args.tests:
        parser.error("give a folder of cases, or --tests")
    try:
        import onnxruntime  # noqa: F401
    except ImportError as e:
        print(f"{e}: make the environment with --setup")
        return 77
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([args.tests, "--gtest_filter=*OnnxSave*", "--gtest_brief=1"], check=True,
                       env={**os.environ, "GRADUS_ONNX_CASES": folder})
        return run(folder, args.list)


if __name__ == "__main__":
    sys.exit(main())
