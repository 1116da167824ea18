// Arithmetic of two or more operands, which broadcast.
#include <algorithm>

#include "gradus/base/format.h"
#include "gradus/data/format/onnx/call.h"
#include "gradus/data/format/onnx/operators.h"
#include "gradus/data/format/onnx/operators/broadcast.h"
#include "gradus/data/format/onnx/operators/integers.h"
#include "gradus/ops/elementwise.h"

namespace gradus::onnx {

Tensor second_operand(const Call& c) {
  const Tensor& a = c.in(0);
  const Tensor& b = c.in(1);
  if (c.opset() >= 7) return b;
  c.ignore("consumed_inputs");
  const bool broadcast = c.flag("broadcast");
  const std::int64_t axis = c.whole("axis", a.rank() - b.rank());
  if (!broadcast || b.rank() == 0) return b;
  const std::int64_t behind = a.rank() - axis - b.rank();
  if (axis < 0 || behind < 0) {
    c.fail("{} does not fit into {} from axis {} on", format_shape(b.shape()), format_shape(a.shape()), axis);
  }
  if (behind == 0) return b;
  Shape shape = b.shape();
  for (std::int64_t i = 0; i < behind; ++i) shape.push_back(1);
  return reshape(b, shape);
}

namespace {

// The least integer by -1 wraps around, as integers do everywhere.
std::int64_t divide(std::int64_t a, std::int64_t b) {
  return b == -1 ? static_cast<std::int64_t>(-static_cast<std::uint64_t>(a)) : a / b;
}

void run_div(Call& c) {
  const Tensor b = second_operand(c);
  if (is_floating(c.in(0).dtype())) return c.set(0, div(c.in(0), b));
  const std::vector<std::int64_t> divisors = whole_numbers(b);
  if (std::find(divisors.begin(), divisors.end(), 0) != divisors.end()) c.fail("an integer is divided by 0");
  c.set(0, map_integers(c, c.in(0), b, divide));
}

void run_mod(Call& c) { c.set(0, c.flag("fmod") ? fmod(c.in(0), c.in(1)) : remainder(c.in(0), c.in(1))); }

// The exponent may have another type; the result has that of the base.
void run_pow(Call& c) {
  const Tensor& a = c.in(0);
  const Tensor b = second_operand(c);
  if (a.dtype() == b.dtype()) return c.set(0, pow(a, b));
  if (is_floating(a.dtype())) return c.set(0, pow(a, astype(b, a.dtype())), c.type(0));
  if (!is_floating(b.dtype())) {
    return c.set(0, astype(pow(astype(a, DType::i64), astype(b, DType::i64)), a.dtype()), c.type(0));
  }
  c.set(0, astype(pow(astype(a, DType::f64), astype(b, DType::f64)), a.dtype()), c.type(0));
}

template <Tensor (*kOp)(Operand, Operand)>
void run_folded(Call& c) {
  c.ignore("consumed_inputs");
  Tensor all = c.in(0);
  for (int i = 1; i < c.inputs(); ++i) all = kOp(all, c.in(i));
  c.set(0, all, c.type(0));
}

void run_mean(Call& c) {
  c.ignore("consumed_inputs");
  Tensor all = c.in(0);
  for (int i = 1; i < c.inputs(); ++i) all = add(all, c.in(i));
  c.set(0, div(all, static_cast<double>(c.inputs())));
}

std::int64_t shift_left(std::int64_t a, std::int64_t b) {
  return b < 0 || b >= 64 ? 0 : static_cast<std::int64_t>(static_cast<std::uint64_t>(a) << b);
}
std::int64_t shift_right(std::int64_t a, std::int64_t b) {
  return b < 0 || b >= 64 ? 0 : static_cast<std::int64_t>(static_cast<std::uint64_t>(a) >> b);
}

void run_bit_shift(Call& c) {
  const std::string direction = c.text("direction", "");
  if (direction != "LEFT" && direction != "RIGHT")
    c.fail("the direction \"{}\" is neither LEFT nor RIGHT", direction);
  c.set(0, map_integers(c, c.in(0), c.in(1), direction == "LEFT" ? shift_left : shift_right));
}

constexpr Operator kOperators[] = {
    {"Add", [](Call& c) { c.set(0, add(c.in(0), second_operand(c))); }, 2, 2},
    {"Sub", [](Call& c) { c.set(0, sub(c.in(0), second_operand(c))); }, 2, 2},
    {"Mul", [](Call& c) { c.set(0, mul(c.in(0), second_operand(c))); }, 2, 2},
    {"Div", run_div, 2, 2},
    {"Mod", run_mod, 2, 2},
    {"Pow", run_pow, 2, 2},
    {"Max", run_folded<maximum>, 1, kAnyNumber},
    {"Min", run_folded<minimum>, 1, kAnyNumber},
    {"Sum", run_folded<add>, 1, kAnyNumber},
    {"Mean", run_mean, 1, kAnyNumber},
    {"BitShift", run_bit_shift, 2, 2},
};

}  // namespace

std::span<const Operator> arithmetic_operators() { return kOperators; }

}  // namespace gradus::onnx
