// Who frees what and when: deep chains on small stacks, flat memory over thousands of steps, released graphs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pthread.h>

#include <exception>

#include "gradus/graph/allocator.h"
#include "gradus/graph/backward.h"
#include "gradus/graph/recording.h"
#include "gradus/tests/graph/test_ops.h"

namespace gradus::test_ops {
namespace {

// Runs f on a thread with a stack of 256 KiB.
template <class F>
void on_small_stack(F f) {
  struct Call {
    F* f;
    std::exception_ptr error;
  } call{&f, nullptr};
  pthread_attr_t attributes;
  ASSERT_EQ(pthread_attr_init(&attributes), 0);
  ASSERT_EQ(pthread_attr_setstacksize(&attributes, 256 * 1024), 0);
  pthread_t thread;
  auto body = [](void* p) -> void* {
    auto* c = static_cast<Call*>(p);
    try {
      (*c->f)();
    } catch (...) {
      c->error = std::current_exception();
    }
    return nullptr;
  };
  ASSERT_EQ(pthread_create(&thread, &attributes, body, &call), 0);
  pthread_join(thread, nullptr);
  pthread_attr_destroy(&attributes);
  if (call.error) std::rethrow_exception(call.error);
}

constexpr int kDeep = 1'000'000;

Tensor chain(const Tensor& x) {
  Tensor y = x;
  for (int i = 0; i < kDeep; ++i) y = affine(y, 1.0, 1.0);
  return y;
}

TEST(Lifetime, AMillionNodesAreRecordedWalkedAndDestroyedOnASmallStack) {
  double derivative = 0.0;
  on_small_stack([&] {
    const Tensor x = leaf(1.0);
    Tensor y = chain(x);
    y.backward();
    derivative = x.grad().item();
  });
  EXPECT_EQ(derivative, 1.0);
}

TEST(Lifetime, AMillionNodesAreDestroyedUnwalked) {
  const std::int64_t before = memory_stats().live_objects;
  on_small_stack([&] {
    const Tensor x = leaf(1.0);
    Tensor y = chain(x);
    EXPECT_GE(memory_stats().live_objects - before, kDeep);
  });
  EXPECT_EQ(memory_stats().live_objects, before);
}

TEST(Lifetime, AMillionNodesThatSaveTheirInputsAreWalkedByGradAndRetained) {
  on_small_stack([&] {
    const Tensor x = leaf(1.0);
    Tensor y = x;
    for (int i = 0; i < kDeep; ++i) y = mul(y, x);
    EXPECT_EQ(grad(y, {x}, {.retain_graph = true})[0].item(), kDeep + 1.0);
    y.backward();
    EXPECT_EQ(x.grad().item(), kDeep + 1.0);
  });
}

TEST(Lifetime, MemoryIsFlatOverTenThousandSteps) {
  Tensor w = leaf({0.1, 0.2, 0.3});
  Tensor b = leaf(0.5);
  const Tensor x = vec({1.0, 2.0, 3.0});
  auto step = [&] {
    const Tensor loss = sum(tanh(add(mul(w, x), b)));
    loss.backward();
    {
      const NoGrad guard;
      for (Tensor* p : {&w, &b}) {
        const std::vector<double> g = p->grad().to_vector<double>();
        std::span<double> v = p->mutable_span<double>();
        for (std::size_t i = 0; i < v.size(); ++i) v[i] -= 0.01 * g[i];
      }
    }
    w.clear_grad();
    b.clear_grad();
  };
  for (int i = 0; i < 10; ++i) step();
  const MemoryStats before = memory_stats();
  for (int i = 0; i < 10'000; ++i) step();
  const MemoryStats after = memory_stats();
  EXPECT_EQ(after.live_objects, before.live_objects);
  EXPECT_EQ(after.live_bytes, before.live_bytes);
}

TEST(Lifetime, MemoryIsFlatWhereGraphsOfSecondOrderAreMade) {
  const Tensor x = leaf(0.3);
  auto step = [&] {
    const Tensor g = grad(tanh(mul(x, x)), {x}, {.create_graph = true})[0];
    EXPECT_TRUE(grad(g, {x})[0].defined());
  };
  step();
  const MemoryStats before = memory_stats();
  for (int i = 0; i < 1'000; ++i) step();
  EXPECT_EQ(memory_stats().live_objects, before.live_objects);
  EXPECT_EQ(memory_stats().live_bytes, before.live_bytes);
}

TEST(Lifetime, NothingLeaksWhereARuleThrows) {
  const Tensor x = leaf({1.0, 2.0});
  auto step = [&] { EXPECT_THROW(sum(mul(throwing(mul(x, x)), exp(x))).backward(), std::runtime_error); };
  step();
  const MemoryStats before = memory_stats();
  for (int i = 0; i < 100; ++i) step();
  EXPECT_EQ(memory_stats().live_objects, before.live_objects);
}

TEST(Lifetime, AHookThatHoldsItsTensorIsFreedWithIt) {
  const std::int64_t before = memory_stats().live_objects;
  {
    const Tensor x = leaf(1.0);
    Tensor y = mul(x, x);
    const Tensor other = mul(x, x);
    y.add_hook([other](const Tensor&) { return other.detach(); });
  }
  EXPECT_EQ(memory_stats().live_objects, before);
}

TEST(Lifetime, BackwardFreesSavedTensorsAsItGoes) {
  const Tensor x = leaf({1.0, 2.0});
  Tensor y = sum(exp(mul(x, x)));
  const std::int64_t recorded = memory_stats().live_objects;
  y.backward();
  EXPECT_LT(memory_stats().live_objects, recorded);
}

}  // namespace
}  // namespace gradus::test_ops
