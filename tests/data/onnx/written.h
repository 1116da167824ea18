// Models that gradus writes, for the tests of the writer: recorded, checked by ONNX's own library, read back,
// run and compared.
#pragma once

#include <string>
#include <vector>

#include "gradus/data/format/onnx/save.h"

namespace gradus::onnx {

// What ONNX's checker and its type and shape inference say against a model; empty: nothing.
std::string objections(const std::string& bytes);

// The first difference of two tensors; empty: none. Whole numbers are the same; numbers as near as formulas
// of several roundings are: 1e-10 in f64, 2e-5 in f32, some units in the last place of a half.
std::string difference(const Tensor& result, const Tensor& expected);

// Runs the model as gradus reads it; empty where its outputs are the expected ones.
std::string run_and_compare(const std::string& bytes, const std::vector<Tensor>& inputs,
                            const std::vector<Tensor>& expected);

// With the environment's GRADUS_ONNX_CASES: writes model, inputs and outputs to a folder of that name in it,
// as ONNX's cases have them, for tests/data/onnx/runtime.py.
void keep_case(const std::string& name, const std::string& bytes, const std::vector<Tensor>& inputs,
               const std::vector<Tensor>& expected);

}  // namespace gradus::onnx
