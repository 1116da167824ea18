#include "gradus/tests/graph/test_ops.h"

#include <stdexcept>

namespace gradus::test_ops {
namespace {

constexpr const char* kX[] = {"x"};
constexpr const char* kAB[] = {"a", "b"};
constexpr SaveMask kSavesOther[] = {in(1), in(0)};
constexpr SaveMask kSavesOutput[] = {out(0)};

void infer_same(InferContext& c) {
  c.require_floating(0);
  c.set_out_like(0, 0);
}
void copy_kernel(KernelContext& c) {
  unary(c, [](double x) { return x; });
}

struct AffineAttrs {
  double scale;
  double shift;
};
constexpr AttrDef kAffineAttrs[] = {GRADUS_ATTR(AffineAttrs, scale, nullptr),
                                    GRADUS_ATTR(AffineAttrs, shift, "0")};
struct ExpandAttrs {
  Shape shape;
};
constexpr AttrDef kExpandAttrs[] = {GRADUS_ATTR(ExpandAttrs, shape, nullptr)};

}  // namespace

constinit const OpDef kAdd = {
    .name = "add",
    .doc = "a + b",
    .inputs = kAB,
    .flags = kElementwise,
    .infer = infer_elementwise,
    .kernel = [](KernelContext& c) { binary(c, [](double a, double b) { return a + b; }); },
    .rule =
        [](RuleContext& c) {
          if (c.needs(0)) c.set(0, c.grad());
          if (c.needs(1)) c.set(1, c.grad());
        },
};

constinit const OpDef kMul = {
    .name = "mul",
    .doc = "a * b",
    .inputs = kAB,
    .saves = kSavesOther,
    .flags = kElementwise,
    .infer = infer_elementwise,
    .kernel = [](KernelContext& c) { binary(c, [](double a, double b) { return a * b; }); },
    .rule =
        [](RuleContext& c) {
          if (c.needs(0)) c.set(0, mul(c.grad(), c.input(1)));
          if (c.needs(1)) c.set(1, mul(c.grad(), c.input(0)));
        },
};

constinit const OpDef kAffine = {
    .name = "affine",
    .doc = "scale x + shift",
    .inputs = kX,
    .attrs = kAffineAttrs,
    .flags = kElementwise,
    .infer = infer_elementwise,
    .kernel =
        [](KernelContext& c) {
          const auto& k = c.attrs<AffineAttrs>();
          unary(c, [&k](double x) { return k.scale * x + k.shift; });
        },
    .rule = [](RuleContext& c) { c.set(0, affine(c.grad(), c.attrs<AffineAttrs>().scale, 0.0)); },
};

constinit const OpDef kTanh = {
    .name = "tanh",
    .doc = "tanh x",
    .inputs = kX,
    .saves = kSavesOutput,
    .flags = kElementwise,
    .infer = infer_elementwise,
    .kernel = [](KernelContext& c) { unary(c, [](double x) { return std::tanh(x); }); },
    .rule =
        [](RuleContext& c) {
          const Tensor y = c.output();
          c.set(0, mul(c.grad(), affine(mul(y, y), -1.0, 1.0)));
        },
};

constinit const OpDef kExp = {
    .name = "exp",
    .doc = "e^x",
    .inputs = kX,
    .saves = kSavesOutput,
    .flags = kElementwise,
    .infer = infer_elementwise,
    .kernel = [](KernelContext& c) { unary(c, [](double x) { return std::exp(x); }); },
    .rule = [](RuleContext& c) { c.set(0, mul(c.grad(), c.output())); },
};

constinit const OpDef kSum = {
    .name = "sum",
    .doc = "the sum of all elements",
    .inputs = kX,
    .infer = [](InferContext& c) { c.set_out(0, c.dtype(0), Shape{}); },
    .kernel =
        [](KernelContext& c) {
          double s = 0.0;
          for (std::int64_t i = 0; i < c.in[0].numel; ++i) s += element(c.in[0], c.in[0], i);
          *c.out[0].as<double>() = s;
        },
    .rule = [](RuleContext& c) { c.set(0, expand(c.grad(), c.input_shape(0))); },
};

constinit const OpDef kExpand = {
    .name = "expand",
    .doc = "one element in each place of a shape",
    .inputs = kX,
    .attrs = kExpandAttrs,
    .infer = [](InferContext& c) { c.set_out(0, c.dtype(0), c.attrs<ExpandAttrs>().shape); },
    .kernel = [](KernelContext& c) { unary(c, [](double x) { return x; }); },
    .rule = [](RuleContext& c) { c.set(0, c.grad()); },
};

constinit const OpDef kTwoOutputs = {
    .name = "two_outputs",
    .doc = "x and 2 x",
    .inputs = kX,
    .outputs = 2,
    .infer =
        [](InferContext& c) {
          c.set_out_like(0, 0);
          c.set_out_like(1, 0);
        },
    .kernel =
        [](KernelContext& c) {
          for (std::int64_t i = 0; i < c.in[0].numel; ++i) {
            const double x = element(c.in[0], c.in[0], i);
            element(c.out[0], c.out[0], i) = x;
            element(c.out[1], c.out[1], i) = 2.0 * x;
          }
        },
    .rule = [](RuleContext& c) { c.set(0, add(c.grad(0), affine(c.grad(1), 2.0, 0.0))); },
};

constinit const OpDef kThrowing = {
    .name = "throwing",
    .doc = "identity; its rule throws",
    .inputs = kX,
    .infer = infer_same,
    .kernel = copy_kernel,
    .rule = [](RuleContext&) { throw std::runtime_error("the rule threw"); },
};

constinit const OpDef kSilent = {
    .name = "silent",
    .doc = "identity; its rule sets nothing",
    .inputs = kX,
    .infer = infer_same,
    .kernel = copy_kernel,
    .rule = [](RuleContext&) {},
};

constinit const OpDef kWrongShape = {
    .name = "wrong_shape",
    .doc = "identity; its rule gives another shape",
    .inputs = kX,
    .infer = infer_same,
    .kernel = copy_kernel,
    .rule =
        [](RuleContext& c) {
          c.set(0, vec({1.0, 2.0, 3.0, 4.0, 5.0}));
        },
};

constinit const OpDef kUnsaved = {
    .name = "unsaved",
    .doc = "identity; its rule reads what is not saved",
    .inputs = kX,
    .infer = infer_same,
    .kernel = copy_kernel,
    .rule = [](RuleContext& c) { c.set(0, mul(c.grad(), c.input(0))); },
};

constinit const OpDef kNoRule = {
    .name = "no_rule",
    .doc = "identity without derivative",
    .inputs = kX,
    .infer = infer_same,
    .kernel = copy_kernel,
    .no_gradient = "it is a test",
};

constinit const OpDef kReverse = {
    .name = "reverse",
    .doc = "a vector, last element first",
    .inputs = kX,
    .flags = kView,
    .infer =
        [](InferContext& c) {
          c.set_out_like(0, 0);
          OutputMeta& o = c.out(0);
          o.has_strides = true;
          const std::int64_t stride = c.impl(0).strides != nullptr ? c.impl(0).strides[0] : 1;
          o.strides[0] = -stride;
          o.offset = stride * (c.dim(0, 0) - 1);
        },
    .rule = [](RuleContext& c) { c.set(0, reverse(c.grad())); },
};

Tensor add(Operand a, Operand b) { return apply(kAdd, {a, b}); }
Tensor mul(Operand a, Operand b) { return apply(kMul, {a, b}); }
Tensor affine(Operand x, double scale, double shift) {
  return apply(kAffine, {x}, AffineAttrs{scale, shift});
}
Tensor tanh(Operand x) { return apply(kTanh, {x}); }
Tensor exp(Operand x) { return apply(kExp, {x}); }
Tensor sum(Operand x) { return apply(kSum, {x}); }
Tensor expand(Operand x, const Shape& shape) { return apply(kExpand, {x}, ExpandAttrs{shape}); }
Tensor two_outputs(Operand x, Tensor* twice) {
  Tensor outs[2];
  apply(kTwoOutputs, std::span(&x, 1), nullptr, outs);
  *twice = outs[1];
  return outs[0];
}
Tensor throwing(Operand x) { return apply(kThrowing, {x}); }
Tensor silent(Operand x) { return apply(kSilent, {x}); }
Tensor wrong_shape(Operand x) { return apply(kWrongShape, {x}); }
Tensor unsaved(Operand x) { return apply(kUnsaved, {x}); }
Tensor no_rule(Operand x) { return apply(kNoRule, {x}); }
Tensor reverse(Operand x) { return apply(kReverse, {x}); }

}  // namespace gradus::test_ops
