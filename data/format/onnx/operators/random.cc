// Random tensors, and dropout. An operator without a seed draws from the default generator.
#include "gradus/ops/random.h"

#include <bit>

#include "gradus/data/format/onnx/call.h"
#include "gradus/data/format/onnx/operators.h"
#include "gradus/data/format/onnx/operators/cast.h"
#include "gradus/ops/creation.h"
#include "gradus/ops/elementwise.h"

namespace gradus::onnx {
namespace {

// The generator that the attribute `seed` names; none: the default one.
class Source {
 public:
  explicit Source(const Call& c) : Source(c, std::bit_cast<std::uint64_t>(c.real("seed", 0))) {}
  Source(const Call& c, std::uint64_t seed) : seeded_(c.has_attribute("seed")) { own_.seed = seed; }
  Generator* get() { return seeded_ ? &own_ : nullptr; }

 private:
  bool seeded_;
  Generator own_;
};

ElementType result_type(const Call& c, bool like) {
  if (c.has_attribute("dtype")) return type_attribute(c, "dtype");
  return like ? c.type(0) : c.meant(ElementType::f32);
}

Shape result_shape(const Call& c, bool like) {
  if (like) return c.in(0).shape();
  const auto dims = c.wholes("shape");
  if (!dims.has_value()) c.fail("attribute \"shape\" is missing");
  return c.made_up_shape(*dims);
}

template <bool kLike>
void run_uniform(Call& c) {
  Source source(c);
  const ElementType type = result_type(c, kLike);
  if (!is_floating(*info(type).storage)) c.fail("random numbers of the type {}", info(type).name);
  const Tensor y = uniform(result_shape(c, kLike), c.real("low", 0), c.real("high", 1),
                           {.dtype = *info(type).storage, .generator = source.get()});
  c.set(0, y, type);
}

template <bool kLike>
void run_normal(Call& c) {
  Source source(c);
  const ElementType type = result_type(c, kLike);
  if (!is_floating(*info(type).storage)) c.fail("random numbers of the type {}", info(type).name);
  const Tensor y = normal(result_shape(c, kLike), c.real("mean", 0), c.real("scale", 1),
                          {.dtype = *info(type).storage, .generator = source.get()});
  c.set(0, y, type);
}

void run_bernoulli(Call& c) {
  Source source(c);
  const ElementType type = result_type(c, true);
  c.set(0, cast_to(c, bernoulli(c.in(0), source.get()), c.type(0), type), type);
}

void run_dropout(Call& c) {
  const Tensor& x = c.in(0);
  c.ignore("consumed_inputs");
  // Before operator set 12 a model is for inference: before set 7 it says so.
  double ratio = 0.5;
  bool training = false;
  if (c.opset() >= 12) {
    if (c.has(1)) ratio = c.real_in(1);
    training = c.has(2) && c.in(2).item<std::int64_t>() != 0;
  } else {
    ratio = c.real("ratio", 0.5);
    if (c.opset() < 7 && !c.flag("is_test")) c.unsupported("training mode (opset {})", c.opset());
  }
  Source source(c, static_cast<std::uint64_t>(c.whole("seed", 0)));
  const bool mask_is_bool = c.opset() >= 10;
  Tensor mask;
  if (!training || ratio == 0) {
    mask = ones(x.shape(), DType::boolean);
    c.set(0, x, c.type(0));
  } else {
    if (!(ratio > 0 && ratio < 1)) c.fail("the ratio {} is not in 0 .. 1", ratio);
    mask = astype(bernoulli(x.shape(), 1 - ratio, {.generator = source.get()}), DType::boolean);
    c.set(0, where(mask, x * (1 / (1 - ratio)), Scalar(0.0)), c.type(0));
  }
  if (mask_is_bool) {
    c.set(1, mask, ElementType::boolean);
  } else {
    c.set(1, astype(mask, x.dtype()), c.type(0));
  }
}

constexpr Operator kOperators[] = {
    {"RandomUniform", run_uniform<false>, 0, 0}, {"RandomUniformLike", run_uniform<true>, 1, 1},
    {"RandomNormal", run_normal<false>, 0, 0},   {"RandomNormalLike", run_normal<true>, 1, 1},
    {"Bernoulli", run_bernoulli, 1, 1},          {"Dropout", run_dropout, 1, 3},
};

}  // namespace

std::span<const Operator> random_operators() { return kOperators; }

}  // namespace gradus::onnx
