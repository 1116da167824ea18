// Running sums, products and extremes. But for the sum there is no operator: at step s = 1, 2, 4, ... each
// place is joined with the one s places before it, which makes all prefixes in log2(n) steps. Source: W. D.
// Hillis, G. L. Steele, "Data parallel algorithms" (1986).
#include <cmath>
#include <limits>

#include "gradus/data/format/onnx/writers.h"
#include "gradus/data/format/onnx/writers/math.h"

namespace gradus::onnx {
namespace {

// Places `by` later along an axis, with `fill` in front.
Id shifted(Emit& e, Id x, std::int64_t axis, std::int64_t by, Id fill) {
  const Shape s = e.shape();
  List front(s.begin(), s.end());
  front[static_cast<std::size_t>(axis)] = by;
  const Id in_front = e.op("Expand", {fill, e.wholes(front)});
  const std::int64_t n = s[static_cast<int>(axis)];
  return e.op("Concat", {in_front, e.slice(x, axis, 0, n - by)}, {whole("axis", axis)});
}

Id result_type(Emit& e) {
  const DType to = worked_in(e.out_dtype());
  return e.dtype() == to ? e.in(0) : e.cast(e.in(0), to);
}

void cumsum(Emit& e) {
  const Id x = result_type(e);
  if (e.rank() == 0) {
    return e.set(e.flag("exclusive") ? e.number(0, worked_in(e.out_dtype())) : e.op("Identity", {x}));
  }
  e.set(e.op("CumSum", {x, e.index(e.axis("dim"))},
             {whole("exclusive", e.flag("exclusive") ? 1 : 0), whole("reverse", e.flag("reverse") ? 1 : 0)}));
}

template <class Join>
void prefixes(Emit& e, Id x, Id fill, Join join) {
  if (e.rank() > 0) {
    const std::int64_t axis = e.axis("dim"), n = e.size(static_cast<int>(axis));
    for (std::int64_t s = 1; s < n; s *= 2) x = join(shifted(e, x, axis, s, fill), x);
  }
  e.set(e.op("Identity", {x}));
}

void cumprod(Emit& e) {
  prefixes(e, result_type(e), e.number(1, worked_in(e.out_dtype())), [&](Id a, Id b) { return e.mul(a, b); });
}

void logcumsumexp(Emit& e) {
  prefixes(e, e.in(0), e.number(-std::numeric_limits<double>::infinity()),
           [&](Id a, Id b) { return logaddexp(e, a, b); });
}

double least(DType t) {
  return is_floating(t)    ? -std::numeric_limits<double>::infinity()
         : t == DType::i64 ? static_cast<double>(std::numeric_limits<std::int64_t>::min())
                           : static_cast<double>(std::numeric_limits<std::int32_t>::min());
}

// The last of several equal ones, and from the first NaN on the last NaN.
void extreme(Emit& e, bool largest) {
  Id x = e.in(0);
  const bool is_bool = e.dtype() == DType::boolean;
  const DType t = is_bool ? DType::i32 : e.dtype();
  if (is_bool) x = e.cast(x, t);
  Id place = e.index(0);
  if (e.rank() > 0) {
    const std::int64_t axis = e.axis("dim"), n = e.size(static_cast<int>(axis));
    List column(static_cast<std::size_t>(e.rank()), 1);
    column[static_cast<std::size_t>(axis)] = n;
    const Shape s = e.shape();
    const Id along = e.reshape(e.constant(tensor_of(iota(n), {n})), column);
    place = e.op("Expand", {along, e.wholes({s.begin(), s.end()})});
    // No number comes behind the fill: it is the least one, or for minima the largest.
    Id fill = largest ? e.number(least(t), t) : e.number(-1, t);
    if (!largest) fill = is_floating(t) ? e.number(-least(t), t) : e.sub(fill, e.number(least(t), t));
    for (std::int64_t by = 1; by < n; by *= 2) {
      const Id before = shifted(e, x, axis, by, fill), place_before = shifted(e, place, axis, by, e.index(0));
      Id stays = e.op(largest ? "GreaterOrEqual" : "LessOrEqual", {x, before});
      if (is_floating(t)) stays = e.op("Or", {stays, e.op("IsNaN", {x})});
      x = e.where(stays, x, before);
      place = e.where(stays, place, place_before);
    }
  }
  if (is_bool) x = e.cast(x, DType::boolean);
  e.set(0, e.op("Identity", {x}));
  e.set(1, e.op("Identity", {place}));
}
void cummax(Emit& e) { extreme(e, true); }
void cummin(Emit& e) { extreme(e, false); }

constexpr OpWriter kWriters[] = {
    {"cummax", cummax},
    {"cummin", cummin},
    {"cumprod", cumprod},
    {"cumsum", cumsum},
    {"logcumsumexp", logcumsumexp},
};

}  // namespace

std::span<const OpWriter> scan_writers() { return kWriters; }

}  // namespace gradus::onnx
