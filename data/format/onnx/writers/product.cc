// Matrix products and what of linear algebra has an operator.
#include "gradus/data/format/onnx/emit.h"
#include "gradus/data/format/onnx/writers.h"

namespace gradus::onnx {
namespace {

Id swapped(Emit& e, Id x, int rank) {
  List order = iota(rank);
  std::swap(order[order.size() - 1], order[order.size() - 2]);
  return e.transpose(x, order);
}

void matmul(Emit& e) {
  const bool trans_a = e.flag("trans_a") && e.rank(0) > 1, trans_b = e.flag("trans_b") && e.rank(1) > 1;
  const Id a = trans_a ? swapped(e, e.in(0), e.rank(0)) : e.in(0);
  const Id b = trans_b ? swapped(e, e.in(1), e.rank(1)) : e.in(1);
  e.set(e.op("MatMul", {a, b}));
}

void linear(Emit& e) {
  const bool has_bias = e.inputs() > 2;
  if (e.rank(0) == 2 && is_floating(e.dtype())) {
    std::vector<Id> in{e.in(0), e.in(1)};
    if (has_bias) in.push_back(e.in(2));
    return e.set(e.op("Gemm", in, {whole("transB", 1)}));
  }
  const Id y = e.op("MatMul", {e.in(0), e.transpose(e.in(1), {1, 0})});
  e.set(has_bias ? e.add(y, e.in(2)) : y);
}

void det(Emit& e) { e.set(e.op("Det", {e.in(0)})); }

void slogdet(Emit& e) {
  const Id d = e.op("Det", {e.in(0)});
  e.set(0, e.op("Sign", {d}));
  e.set(1, e.op("Log", {e.op("Abs", {d})}));
}

constexpr OpWriter kWriters[] = {
    {"linalg_det", det},
    {"linalg_slogdet", slogdet},
    {"linear", linear},
    {"matmul", matmul},
};

}  // namespace

std::span<const OpWriter> product_writers() { return kWriters; }

}  // namespace gradus::onnx
