// Tensors from attributes and from shapes alone.
#include <cmath>

#include "gradus/data/format/onnx/call.h"
#include "gradus/data/format/onnx/operators.h"
#include "gradus/data/format/onnx/operators/cast.h"
#include "gradus/data/format/onnx/operators/integers.h"
#include "gradus/ops/creation.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/view.h"

namespace gradus::onnx {
namespace {

void run_constant(Call& c) {
  if (const Value* v = c.tensor("value"); v != nullptr) return c.set(0, v->tensor, v->type);
  if (c.has_attribute("value_int")) return c.set(0, full({}, c.whole("value_int"), DType::i64));
  const DType real = *info(c.meant(ElementType::f32)).storage;
  if (c.has_attribute("value_float")) return c.set(0, full({}, c.real("value_float", 0), real));
  if (const auto v = c.wholes("value_ints"); v.has_value()) return c.set(0, index_tensor(*v));
  if (const auto v = c.reals("value_floats"); v.has_value()) {
    return c.set(0, astype(tensor(*v), real));
  }
  for (const char* name : {"sparse_value", "value_string", "value_strings"}) {
    if (c.has_attribute(name)) c.unsupported("attribute \"{}\" of Constant", name);
  }
  c.fail("it has no value");
}

void run_constant_of_shape(Call& c) {
  const std::vector<std::int64_t> dims = c.wholes_in(0);
  const Shape shape = c.made_up_shape(dims);
  const Value* v = c.tensor("value");
  const ElementType real = c.meant(ElementType::f32);
  if (v == nullptr) return c.set(0, zeros(shape, *info(real).storage), real);
  if (v->tensor.numel() != 1) c.fail("its value has {} elements, not one", v->tensor.numel());
  c.set(0, contiguous(expand(reshape(v->tensor, {}), shape)), v->type);
}

void run_eye_like(Call& c) {
  const Tensor& x = c.in(0);
  if (x.rank() != 2) c.fail("its input has {} axes, not 2", x.rank());
  const ElementType type = c.has_attribute("dtype") ? type_attribute(c, "dtype") : c.type(0);
  const std::int64_t k = c.whole("k", 0);
  const std::int64_t rows = x.size(0), cols = x.size(1);
  // The difference of column and row, k on the diagonal.
  const Tensor difference = sub(reshape(arange(cols), {1, cols}), reshape(arange(rows), {rows, 1}));
  c.set(0, cast_to(c, eq(difference, k), ElementType::boolean, type), type);
}

void run_range(Call& c) {
  const Tensor& start = c.in(0);
  for (int i = 0; i < 3; ++i) {
    if (c.in(i).numel() != 1) c.fail("input {} has {} elements, not one", i, c.in(i).numel());
    if (c.in(i).dtype() != start.dtype()) c.fail("start, limit and delta have different types");
  }
  if (is_floating(start.dtype())) {
    const double delta = c.real_in(2);
    const double count = std::ceil((c.real_in(1) - c.real_in(0)) / delta);
    if (!std::isfinite(count))
      c.fail("start {}, limit {} and delta {} give no range", c.real_in(0), c.real_in(1), delta);
    const std::int64_t n[] = {static_cast<std::int64_t>(std::clamp(count, 0.0, 1e18))};
    c.made_up_shape(n);
    return c.set(0, add(mul(astype(arange(n[0]), start.dtype()), delta), c.real_in(0)), c.type(0));
  }
  const std::int64_t delta = c.whole_in(2);
  if (delta == 0) c.fail("delta is 0");
  const double span =
      (static_cast<double>(c.whole_in(1)) - static_cast<double>(c.whole_in(0))) / static_cast<double>(delta);
  const std::int64_t n[] = {static_cast<std::int64_t>(std::clamp(std::ceil(span), 0.0, 1e18))};
  c.made_up_shape(n);
  c.set(0, astype(add(mul(arange(n[0]), delta), c.whole_in(0)), start.dtype()), c.type(0));
}

constexpr Operator kOperators[] = {
    {"Constant", run_constant, 0, 0},
    {"ConstantOfShape", run_constant_of_shape, 1, 1},
    {"EyeLike", run_eye_like, 1, 1},
    {"Range", run_range, 3, 3},
};

}  // namespace

std::span<const Operator> constant_operators() { return kOperators; }

}  // namespace gradus::onnx
