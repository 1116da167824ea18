// Functions of one operand, element by element.
#include "gradus/data/format/onnx/call.h"
#include "gradus/data/format/onnx/operators.h"
#include "gradus/ops/elementwise.h"

namespace gradus::onnx {
namespace {

template <Tensor (*kOp)(Operand)>
void run_unary(Call& c) {
  c.ignore("consumed_inputs");
  c.set(0, kOp(c.in(0)));
}

void run_is_inf(Call& c) {
  const Tensor& x = c.in(0);
  const bool negative = c.flag("detect_negative", true);
  const bool positive = c.flag("detect_positive", true);
  Tensor found = isinf(x);
  if (!negative) found = logical_and(found, gt(x, 0));
  if (!positive) found = logical_and(found, lt(x, 0));
  c.set(0, found);
}

// A bound as a number of the dtype, without loss for whole numbers.
std::optional<Scalar> bound(const Call& c, int i) {
  if (!c.has(i)) return std::nullopt;
  if (is_floating(c.in(i).dtype())) return Scalar(c.real_in(i));
  return Scalar(c.whole_in(i));
}

void run_clip(Call& c) {
  c.ignore("consumed_inputs");
  std::optional<Scalar> low, high;
  if (c.opset() < 11) {
    if (c.has_attribute("min")) low = c.real("min", 0);
    if (c.has_attribute("max")) high = c.real("max", 0);
  } else {
    low = bound(c, 1);
    high = bound(c, 2);
  }
  c.set(0, low.has_value() || high.has_value() ? clamp(c.in(0), low, high) : c.in(0));
}

constexpr Operator kOperators[] = {
    {"Abs", run_unary<abs>, 1, 1},
    {"Acos", run_unary<acos>, 1, 1},
    {"Acosh", run_unary<acosh>, 1, 1},
    {"Asin", run_unary<asin>, 1, 1},
    {"Asinh", run_unary<asinh>, 1, 1},
    {"Atan", run_unary<atan>, 1, 1},
    {"Atanh", run_unary<atanh>, 1, 1},
    {"Ceil", run_unary<ceil>, 1, 1},
    {"Cos", run_unary<cos>, 1, 1},
    {"Cosh", run_unary<cosh>, 1, 1},
    {"Erf", run_unary<erf>, 1, 1},
    {"Exp", run_unary<exp>, 1, 1},
    {"Floor", run_unary<floor>, 1, 1},
    {"Log", run_unary<log>, 1, 1},
    {"Neg", run_unary<neg>, 1, 1},
    {"Reciprocal", run_unary<reciprocal>, 1, 1},
    {"Round", run_unary<round>, 1, 1},
    {"Sign", run_unary<sign>, 1, 1},
    {"Sin", run_unary<sin>, 1, 1},
    {"Sinh", run_unary<sinh>, 1, 1},
    {"Sqrt", run_unary<sqrt>, 1, 1},
    {"Tan", run_unary<tan>, 1, 1},
    {"Tanh", run_unary<tanh>, 1, 1},
    {"IsNaN", run_unary<isnan>, 1, 1},
    {"IsInf", run_is_inf, 1, 1},
    {"Clip", run_clip, 1, 3},
    {"Identity", [](Call& c) { c.set(0, c.in(0), c.type(0)); }, 1, 1},
};

}  // namespace

std::span<const Operator> unary_operators() { return kOperators; }

}  // namespace gradus::onnx
