// Activations. An attribute of the file is a float, so doubles that a float does not hold exactly are written
// as formulas with constants.
#include <cmath>
#include <numbers>

#include "gradus/data/format/onnx/writers.h"
#include "gradus/data/format/onnx/writers/math.h"

namespace gradus::onnx {
namespace {

bool exact(const Emit& e, double v) { return !e.is_f64() || static_cast<double>(static_cast<float>(v)) == v; }

Id positive(Emit& e, Id x) { return e.op("Greater", {x, e.number(0)}); }

// scale (x for x > 0, else alpha (e^(x / divisor) - 1)).
Id exponential(Emit& e, double alpha, double divisor, double scale) {
  const Id x = e.in(0);
  const Id power = e.op("Exp", {divisor == 1 ? x : e.div(x, e.number(divisor))});
  const Id y = e.where(positive(e, x), x, e.mul(e.number(alpha), e.sub(power, e.number(1))));
  return scale == 1 ? y : e.mul(e.number(scale), y);
}

void elu(Emit& e) {
  const double alpha = e.real("alpha");
  e.set(exact(e, alpha) ? e.op("Elu", {e.in(0)}, {real("alpha", alpha)}) : exponential(e, alpha, 1, 1));
}

void celu(Emit& e) {
  const double alpha = e.real("alpha");
  // The operator takes floats only.
  e.set(e.is_f64() || alpha <= 0 ? exponential(e, alpha, alpha, 1)
                                 : e.op("Celu", {e.in(0)}, {real("alpha", alpha)}));
}

void selu(Emit& e) {
  // Source: G. Klambauer et al., "Self-normalizing neural networks" (2017).
  if (!e.is_f64()) return e.set(e.op("Selu", {e.in(0)}));
  e.set(exponential(e, 1.6732632423543772848170429916717, 1, 1.0507009873554804934193349852946));
}

void leaky_relu(Emit& e) {
  const double slope = e.real("negative_slope");
  const Id x = e.in(0);
  e.set(exact(e, slope) ? e.op("LeakyRelu", {x}, {real("alpha", slope)})
                        : e.where(positive(e, x), x, e.mul(e.number(slope), x)));
}

void gelu(Emit& e) {
  const Id x = e.in(0), one = e.number(1), half = e.mul(x, e.number(0.5));
  if (e.text("approximate") == "tanh") {
    const Id cube = e.mul(e.mul(x, e.mul(x, x)), e.number(0.044715));
    const Id inner = e.mul(e.number(std::sqrt(2 * std::numbers::inv_pi)), e.add(x, cube));
    return e.set(e.mul(half, e.add(one, e.op("Tanh", {inner}))));
  }
  e.set(e.mul(half, e.add(one, e.op("Erf", {e.mul(x, e.number(std::numbers::sqrt2 / 2))}))));
}

void silu(Emit& e) { e.set(e.mul(e.in(0), e.op("Sigmoid", {e.in(0)}))); }
void mish(Emit& e) { e.set(e.mul(e.in(0), e.op("Tanh", {e.op("Softplus", {e.in(0)})}))); }

// min(max(x + 3, 0), 6) / 6
Id hard_sigmoid(Emit& e) {
  if (!e.is_f64()) return e.op("HardSigmoid", {e.in(0)}, {real("alpha", 1.0 / 6), real("beta", 0.5)});
  return e.div(e.op("Clip", {e.add(e.in(0), e.number(3)), e.number(0), e.number(6)}), e.number(6));
}
void hardsigmoid(Emit& e) { e.set(hard_sigmoid(e)); }
void hardswish(Emit& e) { e.set(e.mul(e.in(0), hard_sigmoid(e))); }

void hardshrink(Emit& e) {
  const Id x = e.in(0);
  const Id inside = e.op("LessOrEqual", {e.op("Abs", {x}), e.number(e.real("lambd"))});
  e.set(e.where(inside, e.number(0), x));
}
void softshrink(Emit& e) {
  const Id x = e.in(0), lambd = e.number(e.real("lambd")), minus = e.number(-e.real("lambd"));
  e.set(e.sub(x, e.op("Clip", {x, minus, lambd})));
}
void threshold(Emit& e) {
  const Id x = e.in(0), below = e.op("LessOrEqual", {x, e.number(e.real("threshold"))});
  e.set(e.where(below, e.number(e.real("value")), x));
}

void softplus(Emit& e) {
  const double beta = e.real("beta"), threshold = e.real("threshold");
  const Id x = e.in(0);
  // Behind 20 a float shows no difference.
  if (beta == 1 && threshold >= 20 && !e.is_f64()) return e.set(e.op("Softplus", {x}));
  const Id scaled = beta == 1 ? x : e.mul(x, e.number(beta));
  const Id soft = e.op("Softplus", {scaled});
  e.set(e.where(e.op("Greater", {scaled, e.number(threshold)}), x,
                beta == 1 ? soft : e.div(soft, e.number(beta))));
}
void log_sigmoid(Emit& e) { e.set(e.op("Neg", {e.op("Softplus", {e.op("Neg", {e.in(0)})})})); }

void prelu(Emit& e) { e.set(e.where(positive(e, e.in(0)), e.in(0), e.mul(e.in(0), e.in(1)))); }

void softmax_of(Emit& e, const char* op) {
  const std::int64_t axis = e.axis("dim");
  if (e.rank() > 0) return e.set(e.op(op, {e.in(0)}, {whole("axis", axis)}));
  // A scalar is a row of one.
  e.set(e.reshape(e.op(op, {e.reshape(e.in(0), {1})}, {whole("axis", 0)}), {}));
}
void softmax(Emit& e) { softmax_of(e, "Softmax"); }
void log_softmax(Emit& e) { softmax_of(e, "LogSoftmax"); }

constexpr OpWriter kWriters[] = {
    {"celu", celu},
    {"elu", elu},
    {"gelu", gelu},
    {"hardshrink", hardshrink},
    {"hardsigmoid", hardsigmoid},
    {"hardswish", hardswish},
    {"leaky_relu", leaky_relu},
    {"log_sigmoid", log_sigmoid},
    {"log_softmax", log_softmax},
    {"mish", mish},
    {"prelu", prelu},
    {"selu", selu},
    {"silu", silu},
    {"softmax", softmax},
    {"softplus", softplus},
    {"softshrink", softshrink},
    {"threshold", threshold},
};

}  // namespace

std::span<const OpWriter> activation_writers() { return kWriters; }

}  // namespace gradus::onnx
