#include "gradus/ops/sort/order.h"

#include <limits>

#include "gradus/ops/indexing/gather.h"
#include "gradus/ops/view.h"

namespace gradus {

void route_to_places(RuleContext& c, std::int64_t dim, bool kept) {
  const Shape shape = c.input_shape(0);
  const int axis = positive_axis(dim, shape.rank());
  const Tensor g = c.grad(0), places = c.output(1).detach();
  c.set(0, kept ? gather_backward(g, places, axis, shape[axis])
                : gather_backward(unsqueeze(g, axis), unsqueeze(places, axis), axis, shape[axis]));
}

ValuesIndices apply_values_indices(const OpDef& op, Operand input, const void* attrs) {
  Tensor outs[2];
  apply(op, std::span(&input, 1), attrs, outs);
  return {std::move(outs[0]), std::move(outs[1])};
}

void sample_sort(SampleSink& s) {
  constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
  constexpr double kInf = std::numeric_limits<double>::infinity();
  for (const bool descending : {false, true}) {
    s.add({s.values({3, 4})}, SortAttrs{0, descending});
    s.add({s.values({2, 3, 4})}, SortAttrs{1, descending});
    s.add({SampleSink::f64({2, 4}, {3, 1, 3, 1, -2, -2, -2, -2})}, SortAttrs{-1, descending},
          {.gradcheck = false, .note = "equal ones keep their order"});
    s.add({SampleSink::f64({8}, {1, kNaN, -kInf, 0.0, -0.0, kInf, kNaN, -1})}, SortAttrs{0, descending},
          {.gradcheck = false, .note = "NaN, infinities, zeros"});
    s.add({SampleSink::i64({2, 3}, {1, -2, 3, 1L << 40, -5, 6})}, SortAttrs{-1, descending});
    s.add({SampleSink::boolean({5}, {1, 0, 1, 1, 0})}, SortAttrs{0, descending}, {.note = "bool"});
  }
  s.add({s.values({300})}, SortAttrs{0}, {.gradcheck = false, .note = "by digits"});
  s.add({s.values({2, 300}, 1, 1.001)}, SortAttrs{1, true}, {.gradcheck = false, .note = "by few digits"});
  s.add({s.values({40, 3})}, SortAttrs{0}, {.gradcheck = false});
  s.add({s.values({1})}, SortAttrs{0}, {.note = "size 1"});
  s.add({s.values({0, 3})}, SortAttrs{0}, {.note = "empty"});
  s.add({s.values({3, 0})}, SortAttrs{0}, {.note = "no lanes"});
}

}  // namespace gradus
