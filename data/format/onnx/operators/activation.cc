// Activations.
#include "gradus/ops/activation.h"

#include <cmath>

#include "gradus/data/format/onnx/call.h"
#include "gradus/data/format/onnx/operators.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/indexing.h"
#include "gradus/ops/reduction.h"
#include "gradus/ops/view.h"

namespace gradus::onnx {
namespace {

void run_hard_sigmoid(Call& c) {
  c.ignore("consumed_inputs");
  const double alpha = c.real("alpha", 0.2);
  const double beta = c.real("beta", 0.5);
  c.set(0, clamp(c.in(0) * alpha + beta, 0.0, 1.0));
}

void run_selu(Call& c) {
  c.ignore("consumed_inputs");
  const double alpha = c.real("alpha", 1.67326319217681884765625);
  const double gamma = c.real("gamma", 1.05070102214813232421875);
  c.set(0, elu(c.in(0), alpha) * gamma);
}

// The slope broadcasts to x. One slope and one for each channel are what gradus has an op for.
void run_prelu(Call& c) {
  c.ignore("consumed_inputs");
  const Tensor& x = c.in(0);
  const Tensor& slope = c.in(1);
  if (slope.numel() == 1) return c.set(0, prelu(x, reshape(slope, {1})));
  const bool per_channel = x.rank() >= 2 && slope.numel() == x.size(1) &&
                           ((slope.rank() == 1 && (c.opset() < 7 || x.rank() == 2)) ||
                            (slope.rank() == x.rank() - 1 && slope.size(0) == x.size(1)) ||
                            (slope.rank() == x.rank() && slope.size(1) == x.size(1)));
  if (per_channel && is_floating(x.dtype())) return c.set(0, prelu(x, reshape(slope, {slope.numel()})));
  c.set(0, where(gt(x, 0), x, x * slope));
}

void run_shrink(Call& c) {
  const Tensor& x = c.in(0);
  const double lambd = c.real("lambd", 0.5);
  const double bias = c.real("bias", 0);
  if (!is_floating(x.dtype())) c.unsupported("Shrink of {}", name(x.dtype()));
  c.set(0, where(lt(x, -lambd), x + bias, where(gt(x, lambd), x - bias, Scalar(0.0))));
}

// f along an axis; before operator set 13 along that and all behind it together.
void run_along(Call& c, Tensor (*f)(Operand, std::int64_t)) {
  const Tensor& x = c.in(0);
  if (c.opset() >= 13) return c.set(0, f(x, c.axis(c.whole("axis", -1), x.rank())));
  const std::int64_t axis = c.whole("axis", 1);
  const std::int64_t first = axis < 0 ? axis + x.rank() : axis;
  if (first < 0 || first > x.rank()) c.fail("axis {} is out of range for {} axes", axis, x.rank());
  if (first == x.rank()) {
    Shape shape = x.shape();
    shape.push_back(1);
    return c.set(0, reshape(f(reshape(x, shape), -1), x.shape()));
  }
  c.set(0, reshape(f(flatten(x, first, -1), -1), x.shape()));
}

// 1 at the first largest element, 0 elsewhere.
Tensor hardmax(Operand input, std::int64_t dim) {
  const Tensor x = Tensor::share(input.impl);
  const Tensor ones = one_hot(argmax(x, dim), x.size(static_cast<int>(dim)));
  return astype(movedim(ones, -1, dim), x.dtype());
}

constexpr Operator kOperators[] = {
    {"Relu",
     [](Call& c) {
       c.ignore("consumed_inputs");
       c.set(0, relu(c.in(0)));
     },
     1, 1},
    {"LeakyRelu",
     [](Call& c) {
       c.ignore("consumed_inputs");
       c.set(0, leaky_relu(c.in(0), c.real("alpha", 0.01)));
     },
     1, 1},
    {"PRelu", run_prelu, 2, 2},
    {"ThresholdedRelu", [](Call& c) { c.set(0, threshold(c.in(0), c.real("alpha", 1), 0)); }, 1, 1},
    {"Elu",
     [](Call& c) {
       c.ignore("consumed_inputs");
       c.set(0, elu(c.in(0), c.real("alpha", 1)));
     },
     1, 1},
    {"Selu", run_selu, 1, 1},
    {"Celu", [](Call& c) { c.set(0, celu(c.in(0), c.real("alpha", 1))); }, 1, 1},
    {"Sigmoid",
     [](Call& c) {
       c.ignore("consumed_inputs");
       c.set(0, sigmoid(c.in(0)));
     },
     1, 1},
    {"HardSigmoid", run_hard_sigmoid, 1, 1},
    {"HardSwish", [](Call& c) { c.set(0, hardswish(c.in(0))); }, 1, 1},
    {"Softplus", [](Call& c) { c.set(0, softplus(c.in(0))); }, 1, 1},
    {"Softsign", [](Call& c) { c.set(0, softsign(c.in(0))); }, 1, 1},
    {"Shrink", run_shrink, 1, 1},
    {"Softmax", [](Call& c) { run_along(c, softmax); }, 1, 1},
    {"LogSoftmax", [](Call& c) { run_along(c, log_softmax); }, 1, 1},
    {"Hardmax", [](Call& c) { run_along(c, hardmax); }, 1, 1},
};

}  // namespace

std::span<const Operator> activation_operators() { return kOperators; }

}  // namespace gradus::onnx
