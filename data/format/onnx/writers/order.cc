// Order: TopK, which takes the first of equal elements first, is what all of them are.
#include "gradus/data/format/onnx/emit.h"
#include "gradus/data/format/onnx/writers.h"

namespace gradus::onnx {
namespace {

// The k first along an axis, and where they were.
std::vector<Id> first(Emit& e, Id x, std::int64_t k, std::int64_t axis, bool largest) {
  std::vector<Id> y = e.ops("TopK", {e.dtype() == DType::boolean ? e.cast(x, DType::i32) : x, e.wholes({k})},
                            2, {whole("axis", axis), whole("largest", largest ? 1 : 0), whole("sorted", 1)});
  if (e.dtype() == DType::boolean) y[0] = e.cast(y[0], DType::boolean);
  return y;
}

// The scalar as a list of one; the results back.
bool scalar(Emit& e) {
  if (e.rank() > 0) return false;
  e.set(0, e.op("Identity", {e.in(0)}));
  if (e.call().outputs.size() > 1 && e.wants(1)) e.set(1, e.index(0));
  return true;
}

void sort(Emit& e) {
  if (scalar(e)) return;
  const std::int64_t axis = e.axis("dim");
  const auto y = first(e, e.in(0), e.size(static_cast<int>(axis)), axis, e.flag("descending"));
  e.set(0, y[0]);
  e.set(1, y[1]);
}

void argsort(Emit& e) {
  if (e.rank() == 0) return e.set(e.index(0));
  const std::int64_t axis = e.axis("dim");
  e.set(first(e, e.in(0), e.size(static_cast<int>(axis)), axis, e.flag("descending"))[1]);
}

void topk(Emit& e) {
  if (e.rank() == 0) e.refuse("its operand is a scalar");
  const auto y = first(e, e.in(0), e.whole("k"), e.axis("dim"), e.flag("largest"));
  e.set(0, y[0]);
  e.set(1, y[1]);
}

// The k-th smallest, counted from 1.
void ranked(Emit& e, std::int64_t k) {
  const std::int64_t axis = e.axis("dim");
  const auto y = first(e, e.in(0), k, axis, false);
  const bool keeps = e.flag("keepdim");
  for (int i = 0; i < 2; ++i) {
    const Id place = keeps ? e.wholes({k - 1}) : e.index(k - 1);
    e.set(i, e.op("Gather", {y[static_cast<std::size_t>(i)], place}, {whole("axis", axis)}));
  }
}

void kthvalue(Emit& e) {
  if (!scalar(e)) ranked(e, e.whole("k"));
}

Id has_nan(Emit& e, Id x, std::int64_t axis) {
  return e.reduce("ReduceMax", e.cast(e.op("IsNaN", {x}), DType::i32), {axis}, e.flag("keepdim"));
}

// The lower of two; the first NaN where there is one, and TopK has those last.
void median(Emit& e) {
  if (scalar(e)) return;
  const std::int64_t axis = e.axis("dim"), n = e.size(static_cast<int>(axis));
  if (!is_floating(e.dtype())) return ranked(e, (n - 1) / 2 + 1);
  const auto y = first(e, e.in(0), (n - 1) / 2 + 1, axis, false);
  const bool keeps = e.flag("keepdim");
  const Id nan = e.cast(has_nan(e, e.in(0), axis), DType::boolean);
  const Id where = e.op("ArgMax", {e.cast(e.op("IsNaN", {e.in(0)}), DType::i32)},
                        {whole("axis", axis), whole("keepdims", keeps ? 1 : 0)});
  const Id place = keeps ? e.wholes({(n - 1) / 2}) : e.index((n - 1) / 2);
  const auto at = [&](int i) {
    return e.op("Gather", {y[static_cast<std::size_t>(i)], place}, {whole("axis", axis)});
  };
  e.set(0, e.where(nan, e.number(__builtin_nan("")), at(0)));
  e.set(1, e.where(nan, where, at(1)));
}

void median_all(Emit& e) {
  const std::int64_t n = e.shape().numel(), k = (n - 1) / 2;
  const Id x = e.reshape(e.in(0), {-1});
  const Id y = e.op("Gather", {first(e, x, k + 1, 0, false)[0], e.index(k)}, {whole("axis", 0)});
  if (!is_floating(e.dtype())) return e.set(y);
  const Id nans = e.cast(e.op("IsNaN", {x}), DType::i32);
  const Id nan = e.cast(e.reduce("ReduceMax", nans, {0}, false), DType::boolean);
  e.set(e.where(nan, e.number(__builtin_nan("")), y));
}

constexpr OpWriter kWriters[] = {
    {"argsort", argsort}, {"kthvalue", kthvalue},     {"median", median},
    {"sort", sort},       {"median_all", median_all}, {"topk", topk},
};

}  // namespace

std::span<const OpWriter> order_writers() { return kWriters; }

}  // namespace gradus::onnx
