// The test data of ONNX: a folder with a model and, for each data set, files input_0.pb, output_0.pb, ...
#pragma once

#include <string>
#include <vector>

#include "gradus/data/format/onnx/model.h"

namespace gradus::tools {

// How far a result may be from what is expected: |x - e| <= atol + rtol |e|. The defaults are those of ONNX's
// own backend tests.
struct Tolerance {
  double rtol = 1e-3;
  double atol = 1e-7;
};

// The tensors of `folder`/<stem>_0.pb, <stem>_1.pb, ...
absl::StatusOr<std::vector<Tensor>> load_tensors(const std::string& folder, const std::string& stem);

// ONNX's own data writes bfloat16 as uint16 with the same bits: such a tensor as bf16 where that is what
// `type`, the name of an element type, asks for; any other as it is.
Tensor with_type(const Tensor& t, const std::string& type);

struct Comparison {
  bool same = true;
  double largest = 0;      // difference, of elements that are numbers
  std::string difference;  // what is wrong first: shape, dtype, or an element with both values
};
// NaN equals NaN, an infinity itself.
Comparison compare(const Tensor& result, const Tensor& expected, Tolerance tolerance);

enum class CaseOutcome { passed, random, failed, unsupported };
// "passed", ...
const char* outcome_name(CaseOutcome o);

struct CaseResult {
  std::string name;                    // of the folder
  std::vector<std::string> operators;  // of the model
  CaseOutcome outcome = CaseOutcome::failed;
  std::string why;
};

// Runs the model of `folder` on all its data sets. random: the model draws random numbers, so only shapes and
// dtypes could be compared, and they agree.
CaseResult run_case(const std::string& folder, Tolerance tolerance = {});

struct GradientCheck {
  enum class Outcome { right, wrong, none };  // none: nothing floating goes in or comes out, or depends on it
  Outcome outcome = Outcome::none;
  std::string why;
};
// Compares the gradients of a model, made one of doubles, by its floating inputs with differences at the
// inputs of `folder`'s first data set. Of many inputs it takes the derivatives along some random directions
// in place of each one. `constant` are the inputs that are not varied.
GradientCheck check_gradients(const std::string& folder, const std::vector<int>& constant = {});

// The folders at or below `root` that hold a model.onnx, sorted.
std::vector<std::string> find_cases(const std::string& root);

}  // namespace gradus::tools
