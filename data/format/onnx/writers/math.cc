// Elementwise functions of one or two numbers.
#include "gradus/data/format/onnx/writers/math.h"

#include <cmath>
#include <limits>
#include <numbers>

#include "gradus/data/format/onnx/writers.h"

namespace gradus::onnx {

Id log1p(Emit& e, Id x) {
  // The rounding of 1 + x is divided out. Source: W. Kahan, in HP-15C Advanced Functions Handbook (1982).
  const Id sum = e.add(x, e.number(1));
  const Id near = e.mul(e.op("Log", {sum}), e.div(x, e.sub(sum, e.number(1))));
  const Id small = e.where(e.op("Equal", {sum, e.number(1)}), x, near);
  return e.where(e.op("Less", {e.op("Abs", {x}), e.number(0.5)}), small, e.op("Log", {sum}));
}

Id logaddexp(Emit& e, Id a, Id b) {
  const Id most = e.op("Max", {a, b});
  const Id gap = e.op("Neg", {e.op("Abs", {e.sub(a, b)})});
  // Two equal infinities have no difference.
  const Id same = e.op("Equal", {a, b});
  return e.where(same, e.add(a, e.number(std::numbers::ln2)), e.add(most, log1p(e, e.op("Exp", {gap}))));
}

Id is_negative(Emit& e, Id x) {
  const Id zero = e.number(0);
  return e.op("Or", {e.op("Less", {x, zero}), e.op("Less", {e.op("Reciprocal", {x}), zero})});
}

Id is_infinite(Emit& e, Id x) { return e.op("IsInf", {x}); }

namespace {

template <const char* kName>
void direct(Emit& e) {
  e.set(e.op(kName, {e.in(0)}));
}

#define GRADUS_DIRECT(name) constexpr char k##name[] = #name
GRADUS_DIRECT(Acos);
GRADUS_DIRECT(Acosh);
GRADUS_DIRECT(Asin);
GRADUS_DIRECT(Asinh);
GRADUS_DIRECT(Atan);
GRADUS_DIRECT(Atanh);
GRADUS_DIRECT(Cos);
GRADUS_DIRECT(Cosh);
GRADUS_DIRECT(Erf);
GRADUS_DIRECT(Exp);
GRADUS_DIRECT(Log);
GRADUS_DIRECT(Sigmoid);
GRADUS_DIRECT(Sin);
GRADUS_DIRECT(Sinh);
GRADUS_DIRECT(Sqrt);
GRADUS_DIRECT(Tan);
GRADUS_DIRECT(Tanh);
#undef GRADUS_DIRECT

void atan2(Emit& e) {
  const Id y = e.in(0), x = e.in(1), zero = e.number(0), height = e.op("Abs", {y}), width = e.op("Abs", {x});
  // In the first quadrant, then mirrored. inf / inf and 0 / 0 are no numbers, and have angles all the same.
  Id angle = e.op("Atan", {e.div(height, width)});
  angle = e.where(e.op("And", {is_infinite(e, x), is_infinite(e, y)}), e.number(std::numbers::pi / 4), angle);
  angle = e.where(e.op("And", {e.op("Equal", {y, zero}), e.op("Equal", {x, zero})}), zero, angle);
  angle = e.where(is_negative(e, x), e.sub(e.number(std::numbers::pi), angle), angle);
  e.set(e.where(is_negative(e, y), e.op("Neg", {angle}), angle));
}

void copysign(Emit& e) {
  const Id size = e.op("Abs", {e.in(0)});
  e.set(e.where(is_negative(e, e.in(1)), e.op("Neg", {size}), size));
}

void erfc(Emit& e) { e.set(e.sub(e.number(1), e.op("Erf", {e.in(0)}))); }
void exp2(Emit& e) { e.set(e.op("Pow", {e.number(2), e.in(0)})); }

void expm1(Emit& e) {
  // Near 0 by e^x - 1 = 2 t / (1 - t), t = tanh(x / 2).
  const Id x = e.in(0), one = e.number(1), half = e.number(0.5);
  const Id t = e.op("Tanh", {e.mul(x, half)});
  const Id near = e.div(e.add(t, t), e.sub(one, t));
  e.set(e.where(e.op("Less", {e.op("Abs", {x}), half}), near, e.sub(e.op("Exp", {x}), one)));
}

void hypot(Emit& e) {
  const Id a = e.op("Abs", {e.in(0)}), b = e.op("Abs", {e.in(1)}), zero = e.number(0);
  const Id most = e.op("Max", {a, b}), least = e.op("Min", {a, b});
  const Id ratio = e.where(e.op("Equal", {most, zero}), zero, e.div(least, most));
  const Id length = e.mul(most, e.op("Sqrt", {e.add(e.number(1), e.mul(ratio, ratio))}));
  const Id endless = e.op("Or", {is_infinite(e, a), is_infinite(e, b)});
  e.set(e.where(endless, e.number(std::numeric_limits<double>::infinity()), length));
}

void log10(Emit& e) { e.set(e.mul(e.op("Log", {e.in(0)}), e.number(1 / std::numbers::ln10))); }
void log2(Emit& e) { e.set(e.mul(e.op("Log", {e.in(0)}), e.number(1 / std::numbers::ln2))); }
void write_log1p(Emit& e) { e.set(log1p(e, e.in(0))); }
void write_logaddexp(Emit& e) { e.set(logaddexp(e, e.in(0), e.in(1))); }
void rsqrt(Emit& e) { e.set(e.op("Reciprocal", {e.op("Sqrt", {e.in(0)})})); }
void reciprocal(Emit& e) { e.set(e.op("Reciprocal", {e.in(0)})); }

void xlogy(Emit& e) {
  const Id a = e.in(0), b = e.in(1), zero = e.number(0);
  const Id nothing = e.op("And", {e.op("Equal", {a, zero}), e.op("Equal", {b, b})});
  e.set(e.where(nothing, zero, e.mul(a, e.op("Log", {b}))));
}

constexpr OpWriter kWriters[] = {
    {"acos", direct<kAcos>},
    {"acosh", direct<kAcosh>},
    {"asin", direct<kAsin>},
    {"asinh", direct<kAsinh>},
    {"atan", direct<kAtan>},
    {"atan2", atan2},
    {"atanh", direct<kAtanh>},
    {"copysign", copysign},
    {"cos", direct<kCos>},
    {"cosh", direct<kCosh>},
    {"erf", direct<kErf>},
    {"erfc", erfc},
    {"exp", direct<kExp>},
    {"exp2", exp2},
    {"expm1", expm1},
    {"hypot", hypot},
    {"log", direct<kLog>},
    {"log10", log10},
    {"log1p", write_log1p},
    {"log2", log2},
    {"logaddexp", write_logaddexp},
    {"reciprocal", reciprocal},
    {"rsqrt", rsqrt},
    {"sigmoid", direct<kSigmoid>},
    {"sin", direct<kSin>},
    {"sinh", direct<kSinh>},
    {"sqrt", direct<kSqrt>},
    {"tan", direct<kTan>},
    {"tanh", direct<kTanh>},
    {"xlogy", xlogy},
};

}  // namespace

std::span<const OpWriter> math_writers() { return kWriters; }

}  // namespace gradus::onnx
