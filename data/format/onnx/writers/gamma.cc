// lgamma and digamma, which have no operator: Stirling's series where x >= 8, to which smaller numbers are
// moved by the recurrence, and the reflection formula below 0. In f64, since the parts cancel.
// Source: Abramowitz and Stegun, "Handbook of Mathematical Functions", 6.1.17, 6.1.41, 6.3.7, 6.3.18.
#include <limits>
#include <numbers>

#include "gradus/data/format/onnx/emit.h"
#include "gradus/data/format/onnx/writers.h"

namespace gradus::onnx {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kPi = std::numbers::pi;
constexpr int kLeast = 8;

struct Parts {
  Id x, zero;
  Id above;     // bool: x > 0
  Id positive;  // x, or 1 - x where it is not above 0
  Id is_small;  // bool: positive < 8
  Id y;         // positive, or positive + 8 where it is small
  Id fraction;  // x - floor(x)
};

Id f64(Emit& e, double v) { return e.number(v, DType::f64); }

Parts parts_of(Emit& e) {
  Parts p{};
  p.x = e.is_f64() ? e.in(0) : e.cast(e.in(0), DType::f64);
  p.zero = f64(e, 0);
  p.above = e.op("Greater", {p.x, p.zero});
  p.positive = e.where(p.above, p.x, e.sub(f64(e, 1), p.x));
  p.is_small = e.op("Less", {p.positive, f64(e, kLeast)});
  p.y = e.where(p.is_small, e.add(p.positive, f64(e, kLeast)), p.positive);
  p.fraction = e.sub(p.x, e.op("Floor", {p.x}));
  return p;
}

// c[0] + c[1] / y^2 + c[2] / y^4 + ...
Id series(Emit& e, Id y, std::initializer_list<double> c) {
  const Id step = e.op("Reciprocal", {e.mul(y, y)});
  Id sum = kNone;
  for (const double* k = c.end(); k-- != c.begin();) {
    sum = sum == kNone ? f64(e, *k) : e.add(f64(e, *k), e.mul(sum, step));
  }
  return sum;
}

void finish(Emit& e, Id y) { e.set(e.is_f64() ? y : e.cast(y, e.dtype())); }

void lgamma(Emit& e) {
  const Parts p = parts_of(e);
  Id product = p.positive;
  for (int k = 1; k < kLeast; ++k) product = e.mul(product, e.add(p.positive, f64(e, k)));
  const Id rest = series(e, p.y, {1.0 / 12, -1.0 / 360, 1.0 / 1260, -1.0 / 1680, 1.0 / 1188});
  Id y = e.sub(e.mul(e.sub(p.y, f64(e, 0.5)), e.op("Log", {p.y})), p.y);
  y = e.add(e.add(y, f64(e, 0.91893853320467274178)), e.div(rest, p.y));  // log(2 pi) / 2
  y = e.sub(y, e.where(p.is_small, e.op("Log", {product}), p.zero));
  const Id sine = e.op("Sin", {e.mul(p.fraction, f64(e, kPi))});
  const Id mirrored = e.sub(e.op("Log", {e.div(f64(e, kPi), sine)}), y);
  y = e.where(p.above, y, mirrored);
  finish(e, e.where(e.op("Equal", {e.op("Abs", {p.x}), f64(e, kInf)}), f64(e, kInf), y));
}

void digamma(Emit& e) {
  const Parts p = parts_of(e);
  Id sum = e.op("Reciprocal", {p.positive});
  for (int k = 1; k < kLeast; ++k) {
    sum = e.add(sum, e.op("Reciprocal", {e.add(p.positive, f64(e, k))}));
  }
  const Id rest = series(e, p.y, {1.0 / 12, -1.0 / 120, 1.0 / 252, -1.0 / 240, 1.0 / 132, -691.0 / 32760});
  Id y = e.sub(e.op("Log", {p.y}), e.div(f64(e, 0.5), p.y));
  y = e.sub(e.sub(y, e.div(rest, e.mul(p.y, p.y))), e.where(p.is_small, sum, p.zero));
  const Id angle = e.mul(p.fraction, f64(e, kPi));
  const Id mirrored = e.sub(y, e.div(e.mul(f64(e, kPi), e.op("Cos", {angle})), e.op("Sin", {angle})));
  y = e.where(p.above, y, mirrored);
  // The poles: no number, but at 0 the infinity of its side.
  const Id pole = e.op("And", {e.op("Equal", {p.fraction, p.zero}), e.op("Not", {p.above})});
  y = e.where(pole, f64(e, kNan), y);
  y = e.where(e.op("Equal", {p.x, p.zero}), e.op("Neg", {e.op("Reciprocal", {p.x})}), y);
  finish(e, e.where(e.op("Equal", {p.x, f64(e, kInf)}), p.x, y));
}

constexpr OpWriter kWriters[] = {
    {"digamma", digamma},
    {"lgamma", lgamma},
};

}  // namespace

std::span<const OpWriter> gamma_writers() { return kWriters; }

}  // namespace gradus::onnx
