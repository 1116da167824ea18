// Elementwise arithmetic, rounding and bounds; casts.
#include <cmath>
#include <limits>

#include "gradus/data/format/onnx/writers.h"
#include "gradus/data/format/onnx/writers/math.h"

namespace gradus::onnx {
namespace {

void add(Emit& e) { e.set(e.add(e.in(0), e.in(1))); }
void sub(Emit& e) { e.set(e.sub(e.in(0), e.in(1))); }
void mul(Emit& e) { e.set(e.mul(e.in(0), e.in(1))); }
void div(Emit& e) { e.set(e.div(e.in(0), e.in(1))); }
void neg(Emit& e) { e.set(e.op("Neg", {e.in(0)})); }
void abs(Emit& e) { e.set(e.op("Abs", {e.in(0)})); }
void sign(Emit& e) {
  const Id y = e.op("Sign", {e.in(0)});
  // Of NaN it is 0 here.
  e.set(is_floating(e.dtype()) ? e.where(e.op("IsNaN", {e.in(0)}), e.number(0), y) : y);
}
void square(Emit& e) { e.set(e.mul(e.in(0), e.in(0))); }
void pow(Emit& e) { e.set(e.op("Pow", {e.in(0), e.in(1)})); }
void maximum(Emit& e) { e.set(e.op("Max", {e.in(0), e.in(1)})); }
void minimum(Emit& e) { e.set(e.op("Min", {e.in(0), e.in(1)})); }

void zmul(Emit& e) {
  const Id zero = e.number(0);
  e.set(e.where(e.op("Equal", {e.in(0), zero}), zero, e.mul(e.in(0), e.in(1))));
}
void zdiv(Emit& e) {
  const Id zero = e.number(0);
  e.set(e.where(e.op("Equal", {e.in(0), zero}), zero, e.div(e.in(0), e.in(1))));
}

void addcmul(Emit& e) { e.set(e.add(e.in(0), e.mul(e.number(e.real("value")), e.mul(e.in(1), e.in(2))))); }

void lerp(Emit& e) {
  const Id a = e.in(0), b = e.in(1), w = e.in(2), difference = e.sub(b, a);
  const Id from_start = e.add(a, e.mul(w, difference));
  const Id from_end = e.sub(b, e.mul(e.sub(e.number(1), w), difference));
  e.set(e.where(e.op("Less", {e.op("Abs", {w}), e.number(0.5)}), from_start, from_end));
}

void fmod(Emit& e) { e.set(e.op("Mod", {e.in(0), e.in(1)}, {whole("fmod", 1)})); }

void remainder(Emit& e) {
  const Id b = e.in(1), zero = e.number(0);
  const Id rest = e.op("Mod", {e.in(0), b}, {whole("fmod", 1)});
  const Id differs = e.op("Xor", {e.op("Less", {rest, zero}), e.op("Less", {b, zero})});
  const Id wrong = e.op("And", {differs, e.op("Not", {e.op("Equal", {rest, zero})})});
  e.set(e.where(wrong, e.add(rest, b), rest));
}

// Whole numbers are rounded already.
void rounded(Emit& e, const char* op) { e.set(e.op(is_floating(e.dtype()) ? op : "Identity", {e.in(0)})); }
void ceil(Emit& e) { rounded(e, "Ceil"); }
void floor(Emit& e) { rounded(e, "Floor"); }
void round(Emit& e) { rounded(e, "Round"); }

void trunc(Emit& e) {
  if (!is_floating(e.dtype())) return rounded(e, "");
  const Id x = e.in(0);
  e.set(e.where(e.op("Less", {x, e.number(0)}), e.op("Ceil", {x}), e.op("Floor", {x})));
}

// Bounds by comparison, so that NaN stays.
Id within(Emit& e, Id x, double least, double most) {
  // A bound that the dtype cannot hold is none.
  const auto holds = [&](double bound) {
    if (is_floating(e.dtype())) return !std::isinf(bound);
    return std::abs(bound) <=
           (e.out_dtype() == DType::i64 || e.out_dtype() == DType::u32 ? 0x1p53 : 0x1p31 - 1);
  };
  if (holds(least)) {
    const Id bound = e.number(least);
    x = e.where(e.op("Less", {x, bound}), bound, x);
  }
  if (holds(most)) {
    const Id bound = e.number(most);
    x = e.where(e.op("Greater", {x, bound}), bound, x);
  }
  return x;
}

void clamp(Emit& e) { e.set(within(e, e.in(0), e.real("min"), e.real("max"))); }
void hardtanh(Emit& e) { e.set(within(e, e.in(0), e.real("min_val"), e.real("max_val"))); }

void relu(Emit& e) {
  if (is_floating(e.dtype())) return e.set(e.op("Relu", {e.in(0)}));
  e.set(e.op("Max", {e.in(0), e.number(0)}));
}

void nan_to_num(Emit& e) {
  const Id x = e.in(0);
  if (!is_floating(e.dtype())) return e.set(e.op("Identity", {x}));
  const DType t = e.out_dtype();
  const double largest = t == DType::f16    ? 65504
                         : t == DType::bf16 ? 0x1.FEp127
                         : t == DType::f32  ? static_cast<double>(std::numeric_limits<float>::max())
                                            : std::numeric_limits<double>::max();
  const auto in_range = [&](const char* name) {
    const double v = e.real(name);
    return e.number(std::isfinite(v) ? std::fmin(std::fmax(v, -largest), largest) : v);
  };
  const double inf = std::numeric_limits<double>::infinity();
  Id y = e.where(e.op("IsNaN", {x}), in_range("nan"), x);
  y = e.where(e.op("Equal", {x, e.number(inf)}), in_range("posinf"), y);
  e.set(e.where(e.op("Equal", {x, e.number(-inf)}), in_range("neginf"), y));
}

void astype(Emit& e) { e.set(e.cast(e.in(0), e.dtype_attr("dtype"))); }

constexpr OpWriter kWriters[] = {
    {"abs", abs},
    {"add", add},
    {"addcmul", addcmul},
    {"astype", astype, true},
    {"ceil", ceil},
    {"clamp", clamp},
    {"div", div},
    {"floor", floor},
    {"fmod", fmod},
    {"hardtanh", hardtanh},
    {"lerp", lerp},
    {"maximum", maximum},
    {"minimum", minimum},
    {"mul", mul},
    {"nan_to_num", nan_to_num},
    {"neg", neg},
    {"pow", pow},
    {"relu", relu},
    {"remainder", remainder},
    {"round", round},
    {"sign", sign},
    {"square", square},
    {"sub", sub},
    {"trunc", trunc},
    {"zdiv", zdiv},
    {"zmul", zmul},
};

}  // namespace

std::span<const OpWriter> arithmetic_writers() { return kWriters; }

}  // namespace gradus::onnx
