// Scans and order along an axis.
#include "gradus/data/format/onnx/call.h"
#include "gradus/data/format/onnx/operators.h"
#include "gradus/ops/elementwise/conversion.h"
#include "gradus/ops/scan.h"
#include "gradus/ops/sort.h"

namespace gradus::onnx {
namespace {

void run_cumsum(Call& c) {
  const Tensor& x = c.in(0);
  const std::int64_t axis = c.axis(c.whole_in(1), x.rank());
  const Tensor y = cumsum(x, axis, {.exclusive = c.flag("exclusive"), .reverse = c.flag("reverse")});
  c.set(0, astype(y, x.dtype()), c.type(0));
}

void run_top_k(Call& c) {
  const Tensor& x = c.in(0);
  const std::int64_t axis = c.axis(c.whole("axis", -1), x.rank());
  const std::int64_t k = c.opset() < 10 ? c.whole("k") : c.whole_in(1);
  const bool largest = c.flag("largest", true);
  c.ignore("sorted");  // topk() sorts always
  const ValuesIndices top = topk(x, k, axis, largest);
  c.set(0, top.values, c.type(0));
  c.set(1, top.indices, ElementType::i64);
}

constexpr Operator kOperators[] = {
    {"CumSum", run_cumsum, 2, 2},
    {"TopK", run_top_k, 1, 2},
};

}  // namespace

std::span<const Operator> order_operators() { return kOperators; }

}  // namespace gradus::onnx
