#include "gradus/data/format/onnx/operators/cast.h"

#include "gradus/data/format/onnx/operators.h"
#include "gradus/ops/elementwise.h"

namespace gradus::onnx {

ElementType type_attribute(const Call& c, std::string_view name) {
  ElementType type = ElementType::undefined;
  if (c.opset() < 6 && c.has_attribute(name) && name == "to") {
    type = element_type_of_name(c.text(name, ""));
  } else {
    const std::int64_t number = c.whole(name);
    const ElementInfo* row =
        number >= 0 && number <= INT32_MAX ? find_element_type(static_cast<int>(number)) : nullptr;
    if (row != nullptr) type = row->type;
  }
  if (type == ElementType::undefined) c.fail("attribute \"{}\" names no element type", name);
  if (!info(type).storage.has_value()) c.unsupported("the element type {}", info(type).name);
  return c.meant(type);
}

Tensor cast_to(const Call& c, const Tensor& x, ElementType from, ElementType to) {
  if (!info(to).storage.has_value()) c.unsupported("the element type {}", info(to).name);
  const DType dtype = *info(to).storage;
  if (from == ElementType::u64 && is_floating(dtype)) {
    std::vector<std::int64_t> bits = whole_numbers(x);
    Tensor out = empty(x.shape(), DType::f64);
    for (std::size_t i = 0; i < bits.size(); ++i) {
      out.mutable_span<double>()[i] = static_cast<double>(static_cast<std::uint64_t>(bits[i]));
    }
    return astype(out, dtype);
  }
  return astype(x, dtype);
}

namespace {

void run_cast(Call& c) {
  const ElementType to = type_attribute(c, "to");
  c.set(0, cast_to(c, c.in(0), c.type(0), to), to);
}

void run_cast_like(Call& c) { c.set(0, cast_to(c, c.in(0), c.type(0), c.type(1)), c.type(1)); }

constexpr Operator kOperators[] = {
    {"Cast", run_cast, 1, 1},
    {"CastLike", run_cast_like, 2, 2},
};

}  // namespace

std::span<const Operator> cast_operators() { return kOperators; }

}  // namespace gradus::onnx
