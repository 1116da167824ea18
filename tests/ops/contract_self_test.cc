// The contract suite itself is checked: ops that are wrong in one way each, and the check that must say so.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "gradus/base/parallel.h"
#include "gradus/graph/apply.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/tests/ops/contract.h"

namespace gradus {
namespace {

using contract::Faults;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr const char* kX[] = {"x"};
constexpr SaveMask kSavesX[] = {in(0)};

// y = x^2 for contiguous f64 and f32, right in every respect.
void infer(InferContext& c) {
  c.require_floating(0);
  if (c.rank(0) == 0) c.shape_error("a scalar is refused");
  c.set_out_like(0, 0);
}
template <class F>
void each(KernelContext& c, F f) {
  const View& x = c.in[0];
  for (std::int64_t i = 0; i < x.numel; ++i) {
    std::int64_t at = 0;
    std::int64_t rest = i;
    std::int64_t step = 1;
    for (int a = x.rank - 1; a >= 0; --a) {
      at += rest % x.dims[a] * (x.strides != nullptr ? x.strides[a] : step);
      rest /= x.dims[a];
      step *= x.dims[a];
    }
    if (x.dtype == DType::f64)
      c.out[0].as<double>()[i] = f(x.as<double>()[at], i);
    else
      c.out[0].as<float>()[i] = static_cast<float>(f(x.as<float>()[at], i));
  }
}
void kernel(KernelContext& c) {
  each(c, [](double x, std::int64_t) { return x * x; });
}
void rule(RuleContext& c) { c.set(0, mul(c.grad(), mul(c.input(0), 2.0))); }
void samples(SampleSink& s) {
  s.add({s.values({3, 4})});
  s.add({s.values({0})}, {}, {.note = "empty"});
  s.add_error({s.values({})}, "good: a scalar is refused");
}
std::vector<Tensor> exact(std::span<const Tensor> in, const void*) {
  return reference::map(in, [](double x) { return x * x; });
}

constexpr OpDef kGood = {.name = "good",
                         .doc = "x^2",
                         .inputs = kX,
                         .saves = kSavesX,
                         .infer = infer,
                         .kernel = kernel,
                         .rule = rule,
                         .samples = samples};

SampleSink sink_of(const OpDef& op) {
  SampleSink sink;
  op.samples(sink);
  return sink;
}

TEST(ContractSelf, TheRightOpPasses) {
  const SampleSink s = sink_of(kGood);
  EXPECT_THAT(contract::completeness(kGood), IsEmpty());
  EXPECT_THAT(contract::forward(kGood, s.good, exact), IsEmpty());
  EXPECT_THAT(contract::derivative(kGood, s.good, 1), IsEmpty());
  EXPECT_THAT(contract::derivative(kGood, s.good, 2), IsEmpty());
  EXPECT_THAT(contract::layouts(kGood, s.good), IsEmpty());
  EXPECT_THAT(contract::poison(kGood, s.good), IsEmpty());
  EXPECT_THAT(contract::guards(kGood, s.good), IsEmpty());
  EXPECT_THAT(contract::threads(kGood, s.good), IsEmpty());
  EXPECT_THAT(contract::halves(kGood, s.good), IsEmpty());
  EXPECT_THAT(contract::messages(kGood, s.bad), IsEmpty());
}

TEST(ContractSelf, WhatIsMissingIsNamed) {
  const OpDef empty_op = {.name = "nothing", .doc = nullptr, .inputs = kX};
  EXPECT_THAT(contract::completeness(empty_op),
              ElementsAre("it has no doc", "it has neither a rule nor a reason in no_gradient",
                          "it has no infer", "it has no kernel and is no view", "it has no samples"));
  OpDef unsampled = kGood;
  unsampled.samples = [](SampleSink&) {};
  EXPECT_THAT(
      contract::completeness(unsampled),
      ElementsAre("it has no good sample", "it has no error sample", "no sample checks its derivative"));
}

TEST(ContractSelf, AWrongValue) {
  OpDef op = kGood;
  op.kernel = [](KernelContext& c) {
    each(c, [](double x, std::int64_t i) { return i == 7 ? x * x + 1e-4 : x * x; });
  };
  const Faults faults = contract::forward(op, sink_of(op).good, exact);
  ASSERT_EQ(faults.size(), 2U);
  EXPECT_THAT(faults[0], HasSubstr("sample 0, f64: output 0 element 7 is"));
}

TEST(ContractSelf, ARuleThatIsOnePerCentOff) {
  OpDef op = kGood;
  op.rule = [](RuleContext& c) { c.set(0, mul(c.grad(), mul(c.input(0), 2.02))); };
  EXPECT_THAT(contract::derivative(op, sink_of(op).good, 1), Not(IsEmpty()));
  EXPECT_THAT(contract::derivative(kGood, sink_of(op).good, 1, 1.01), Not(IsEmpty()));
}

TEST(ContractSelf, AnOpThatIsWrongInHalves) {
  OpDef op = kGood;
  op.rule = [](RuleContext& c) {
    c.set(0, mul(c.grad(), mul(c.input(0), is_half(c.input_dtype(0)) ? 2.25 : 2.0)));
  };
  EXPECT_THAT(contract::halves(op, sink_of(op).good), Not(IsEmpty()));
  op = kGood;
  op.infer = [](InferContext& c) {
    if (is_half(c.dtype(0))) c.dtype_error("no halves");
    infer(c);
  };
  EXPECT_THAT(contract::halves(op, sink_of(op).good), testing::Contains(HasSubstr("bf16: ")));
  // Results and gradients in f32, where the half is expected.
  op = kGood;
  op.infer = [](InferContext& c) { c.set_out_like(0, 0, computed_in(c.dtype(0))); };
  EXPECT_THAT(contract::halves(op, sink_of(op).good), Not(IsEmpty()));
  // It says that it takes halves as they are, and reads them as floats.
  op = kGood;
  op.flags = kAnyDtype;
  op.kernel = [](KernelContext& c) {
    if (!is_half(c.in[0].dtype)) return kernel(c);
    std::memset(c.out[0].data, 0x31, static_cast<std::size_t>(c.out[0].numel) * size_of(c.out[0].dtype));
  };
  EXPECT_THAT(contract::forward(op, sink_of(op).good, exact), Not(IsEmpty()));
}

TEST(ContractSelf, ARuleWithoutASecondDerivative) {
  OpDef op = kGood;
  op.rule = [](RuleContext& c) { c.set(0, mul(c.grad(), mul(c.input(0).detach(), 2.0))); };
  EXPECT_THAT(contract::derivative(op, sink_of(op).good, 1), IsEmpty());
  EXPECT_THAT(contract::derivative(op, sink_of(op).good, 2), Not(IsEmpty()));
}

TEST(ContractSelf, AKernelThatIgnoresStrides) {
  OpDef op = kGood;
  op.kernel = [](KernelContext& c) {
    for (std::int64_t i = 0; i < c.in[0].numel; ++i) {
      if (c.in[0].dtype == DType::f64) c.out[0].as<double>()[i] = c.in[0].as<double>()[i];
      if (c.in[0].dtype == DType::f32) c.out[0].as<float>()[i] = c.in[0].as<float>()[i];
    }
  };
  EXPECT_THAT(contract::layouts(op, sink_of(op).good), Not(IsEmpty()));
}

Tensor secret;

TEST(ContractSelf, ARuleThatReadsMoreThanItSaves) {
  OpDef op = kGood;
  op.saves = {};
  // The user's function hands the input to the rule behind the engine's back.
  op.infer = [](InferContext& c) {
    infer(c);
    if (c.impl(0).tracked()) secret = Tensor::share(const_cast<TensorImpl*>(&c.impl(0)));
  };
  op.rule = [](RuleContext& c) { c.set(0, mul(c.grad(), mul(secret.detach(), 2.0))); };
  EXPECT_THAT(contract::poison(op, sink_of(op).good), Not(IsEmpty()));
  secret = Tensor();
}

TEST(ContractSelf, AKernelThatWritesTooFar) {
  OpDef op = kGood;
  op.kernel = [](KernelContext& c) {
    kernel(c);
    c.out[0].as<std::byte>()[static_cast<std::size_t>(c.out[0].numel) * size_of(c.out[0].dtype)] =
        std::byte{1};
  };
  EXPECT_THAT(contract::guards(op, sink_of(op).good), Not(IsEmpty()));
}

TEST(ContractSelf, AKernelThatLeavesHoles) {
  OpDef op = kGood;
  op.kernel = [](KernelContext& c) {
    if (c.out[0].numel == 0) return;
    const View& x = c.in[0];
    for (std::int64_t i = 0; i + 1 < x.numel; ++i) {
      if (x.dtype == DType::f64) c.out[0].as<double>()[i] = 0.0;
      if (x.dtype == DType::f32) c.out[0].as<float>()[i] = 0.0F;
    }
  };
  EXPECT_THAT(contract::guards(op, sink_of(op).good), Not(IsEmpty()));
}

TEST(ContractSelf, AKernelThatChangesAnInput) {
  OpDef op = kGood;
  op.kernel = [](KernelContext& c) {
    kernel(c);
    if (c.in[0].numel > 0) *c.in[0].as<std::uint8_t>() ^= 1;
  };
  EXPECT_THAT(contract::guards(op, sink_of(op).good), Not(IsEmpty()));
}

TEST(ContractSelf, AResultThatDependsOnTheThreads) {
  OpDef op = kGood;
  op.kernel = [](KernelContext& c) {
    const double n = gradus::threads();
    each(c, [n](double x, std::int64_t) { return x * n; });
  };
  EXPECT_THAT(contract::threads(op, sink_of(op).good), Not(IsEmpty()));
}

TEST(ContractSelf, AnotherMessage) {
  OpDef op = kGood;
  op.name = "renamed";
  EXPECT_THAT(contract::messages(op, sink_of(kGood).bad), Not(IsEmpty()));
  op.infer = [](InferContext& c) { c.set_out_like(0, 0); };
  EXPECT_THAT(contract::messages(op, sink_of(kGood).bad), Not(IsEmpty()));
}

}  // namespace
}  // namespace gradus
