// Reductions over axes.
#include <cmath>
#include <limits>

#include "gradus/data/format/onnx/emit.h"
#include "gradus/data/format/onnx/writers.h"

namespace gradus::onnx {
namespace {

bool keeps(const Emit& e) { return e.flag("keepdim"); }

std::int64_t count(const Emit& e, const List& axes) {
  std::int64_t n = 1;
  for (const std::int64_t a : axes) n *= e.size(static_cast<int>(a));
  return n;
}

// x in the type of the result, for sums and products of small types.
Id accumulated(Emit& e) {
  const DType to = worked_in(e.out_dtype());
  return e.dtype() == to ? e.in(0) : e.cast(e.in(0), to);
}

void reduce(Emit& e, const char* op) { e.set(e.reduce(op, accumulated(e), e.axes("dims"), keeps(e))); }
void sum(Emit& e) {
  // With an empty list the operator would take all axes; a scalar has none.
  if (e.rank() == 0) return e.set(e.op("Identity", {accumulated(e)}));
  reduce(e, "ReduceSum");
}
void prod(Emit& e) { reduce(e, "ReduceProd"); }
void mean(Emit& e) {
  // Of nothing it is NaN; runtimes may give 0.
  const List axes = e.axes("dims");
  if (count(e, axes) > 0) return reduce(e, "ReduceMean");
  e.set(e.div(e.reduce("ReduceSum", e.in(0), axes, keeps(e)), e.number(0)));
}
void logsumexp(Emit& e) { reduce(e, "ReduceLogSumExp"); }

void extreme(Emit& e, const char* op) {
  if (e.dtype() != DType::boolean) return e.set(e.reduce(op, e.in(0), e.axes("dims"), keeps(e)));
  const Id y = e.reduce(op, e.cast(e.in(0), DType::i32), e.axes("dims"), keeps(e));
  e.set(e.cast(y, DType::boolean));
}
void amax(Emit& e) { extreme(e, "ReduceMax"); }
void amin(Emit& e) { extreme(e, "ReduceMin"); }

// Of no elements `all` is true and `any` false.
void all(Emit& e) {
  const Id wrong = e.cast(e.op("Not", {e.in(0)}), DType::i32);
  const Id sum = e.rank() == 0 ? wrong : e.reduce("ReduceSum", wrong, e.axes("dims"), keeps(e));
  e.set(e.op("Equal", {sum, e.number(0, DType::i32)}));
}
void any(Emit& e) {
  const Id right = e.cast(e.in(0), DType::i32);
  const Id sum = e.rank() == 0 ? right : e.reduce("ReduceSum", right, e.axes("dims"), keeps(e));
  e.set(e.op("Greater", {sum, e.number(0, DType::i32)}));
}

Id numeric(Emit& e) { return e.dtype() == DType::boolean ? e.cast(e.in(0), DType::i32) : e.in(0); }

void arg_extreme(Emit& e, const char* op) {
  Id x = numeric(e);
  const List dims = e.list("dims");
  if (!dims.empty() && e.rank() > 0) {
    return e.set(e.op(
        op, {x}, {whole("axis", Emit::positive(dims[0], e.rank())), whole("keepdims", keeps(e) ? 1 : 0)}));
  }
  x = e.reshape(x, {-1});
  const Id place = e.op(op, {x}, {whole("axis", 0), whole("keepdims", 0)});
  const Shape out = e.out_shape();
  e.set(out.empty() ? place : e.reshape(place, {out.begin(), out.end()}));
}
void argmax(Emit& e) { arg_extreme(e, "ArgMax"); }
void argmin(Emit& e) { arg_extreme(e, "ArgMin"); }

void extreme_along(Emit& e, const char* value, const char* place) {
  if (e.rank() == 0) {
    e.set(0, e.op("Identity", {e.in(0)}));
    if (e.wants(1)) e.set(1, e.index(0));
    return;
  }
  const std::int64_t axis = e.axis("dim");
  const Id x = numeric(e);
  Id y = e.reduce(value, x, {axis}, keeps(e));
  if (e.dtype() == DType::boolean) y = e.cast(y, DType::boolean);
  e.set(0, y);
  if (e.wants(1)) e.set(1, e.op(place, {x}, {whole("axis", axis), whole("keepdims", keeps(e) ? 1 : 0)}));
}
void max(Emit& e) { extreme_along(e, "ReduceMax", "ArgMax"); }
void min(Emit& e) { extreme_along(e, "ReduceMin", "ArgMin"); }

Id power_sum(Emit& e, Id size, double p, const List& axes) {
  const Id sum = e.reduce("ReduceSum", e.op("Pow", {size, e.number(p)}), axes, keeps(e));
  return e.op("Pow", {sum, e.number(1 / p)});
}

void norm(Emit& e) {
  const double p = e.real("p");
  const Id x = e.in(0), size = e.op("Abs", {x});
  if (e.rank() == 0) {
    return e.set(p == 0 ? e.cast(e.op("Not", {e.op("Equal", {x, e.number(0)})}), e.dtype()) : size);
  }
  const List axes = e.axes("dims");
  if (p == 2) return e.set(e.reduce("ReduceL2", x, axes, keeps(e)));
  if (p == 1) return e.set(e.reduce("ReduceL1", x, axes, keeps(e)));
  if (std::isinf(p)) return e.set(e.reduce(p > 0 ? "ReduceMax" : "ReduceMin", size, axes, keeps(e)));
  if (p != 0) return e.set(power_sum(e, size, p, axes));
  const Id counts = e.cast(e.op("Not", {e.op("Equal", {x, e.number(0)})}), e.dtype());
  e.set(e.reduce("ReduceSum", counts, axes, keeps(e)));
}

Id variance(Emit& e) {
  const List axes = e.axes("dims");
  const double n = static_cast<double>(count(e, axes)), divisor = std::fmax(0, n - e.real("correction"));
  if (e.rank() == 0) {
    const Id zero = e.sub(e.in(0), e.in(0));
    return e.div(zero, e.number(divisor));
  }
  const Id away = e.sub(e.in(0), e.reduce("ReduceMean", e.in(0), axes, true));
  return e.div(e.reduce("ReduceSum", e.mul(away, away), axes, keeps(e)), e.number(divisor));
}
void var(Emit& e) { e.set(variance(e)); }
void std_deviation(Emit& e) { e.set(e.op("Sqrt", {variance(e)})); }

void sum_to(Emit& e) {
  const List to = e.list("shape");
  const int added = e.rank() - static_cast<int>(to.size());
  List front, kept;
  for (int a = 0; a < e.rank(); ++a) {
    if (a < added)
      front.push_back(a);
    else if (to[static_cast<std::size_t>(a - added)] == 1 && e.size(a) != 1)
      kept.push_back(a);
  }
  Id x = accumulated(e);
  if (!kept.empty()) x = e.reduce("ReduceSum", x, kept, true);
  if (!front.empty()) x = e.reduce("ReduceSum", x, front, false);
  e.set(kept.empty() && front.empty() ? e.op("Identity", {x}) : x);
}

constexpr OpWriter kWriters[] = {
    {"all", all},           {"amax", amax},     {"amin", amin},           {"any", any},
    {"argmax", argmax},     {"argmin", argmin}, {"logsumexp", logsumexp}, {"max", max},
    {"mean", mean},         {"min", min},       {"norm", norm},           {"prod", prod},
    {"std", std_deviation}, {"sum", sum},       {"sum_to", sum_to},       {"var", var},
};

}  // namespace

std::span<const OpWriter> reduction_writers() { return kWriters; }

}  // namespace gradus::onnx
