// Several threads: graphs of their own, leaves that they share, a graph that two of them walk. Run under the
// thread sanitizer too.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <barrier>
#include <thread>

#include "gradus/graph/backward.h"
#include "gradus/graph/recording.h"
#include "gradus/tests/graph/message.h"
#include "gradus/tests/graph/test_ops.h"

namespace gradus::test_ops {
namespace {

constexpr int kThreads = 8;

template <class F>
void in_threads(F f) {
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) threads.emplace_back([&f, t] { f(t); });
  for (std::thread& t : threads) t.join();
}

TEST(Threads, GraphsOfTheirOwn) {
  std::vector<double> results(kThreads);
  in_threads([&](int t) {
    for (int i = 0; i < 200; ++i) {
      const Tensor x = leaf(0.1 * t);
      tanh(mul(x, x)).backward();
      results[static_cast<std::size_t>(t)] = x.grad().item();
    }
  });
  for (int t = 0; t < kThreads; ++t) {
    const double x = 0.1 * t;
    const double h = std::tanh(x * x);
    EXPECT_NEAR(results[static_cast<std::size_t>(t)], (1 - h * h) * 2 * x, 1e-15);
  }
}

TEST(Threads, LeavesSharedThroughGrad) {
  std::vector<Tensor> leaves;
  for (int i = 0; i < 50; ++i) leaves.push_back(leaf(1.0 + i));
  std::atomic<int> wrong = 0;
  in_threads([&](int t) {
    for (int round = 0; round < 50; ++round) {
      Tensor y = scalar(0.0);
      // Another order in each thread, so that the threads' hints in the leaves differ.
      for (std::size_t i = 0; i < leaves.size(); ++i) {
        const Tensor& x = leaves[(i * 7 + static_cast<std::size_t>(t)) % leaves.size()];
        y = add(y, mul(x, x));
      }
      std::vector<Tensor> targets = leaves;
      targets.push_back(leaves[0]);
      const std::vector<Tensor> g = grad(y, targets);
      for (std::size_t i = 0; i < leaves.size(); ++i) wrong += g[i].item() != 2.0 * leaves[i].item();
      wrong += g.back().item() != 2.0;
    }
  });
  EXPECT_EQ(wrong, 0);
}

TEST(Threads, OneGraphWalkedByTwoIsAnErrorNeverAMixedSum) {
  for (int round = 0; round < 50; ++round) {
    const Tensor x = leaf(1.0);
    Tensor y = x;
    for (int i = 0; i < 100; ++i) y = affine(y, 1.0, 0.0);
    std::atomic<int> refused = 0;
    std::atomic<int> wrong = 0;
    std::barrier start(kThreads);
    in_threads([&](int) {
      start.arrive_and_wait();
      try {
        wrong += grad(y, {x}, {.retain_graph = true})[0].item() != 1.0;
      } catch (const GraphError&) {
        ++refused;
      }
    });
    EXPECT_EQ(wrong, 0);
    EXPECT_LT(refused, kThreads) << "the first is not disturbed by the others";
  }
}

TEST(Threads, RecordedInOneWalkedInAnother) {
  const Tensor x = leaf(2.0);
  Tensor y;
  std::thread([&] { y = mul(x, x); }).join();
  Tensor z = mul(y, x);
  std::thread([&] { z.backward(); }).join();
  EXPECT_EQ(x.grad().item(), 12.0);
  std::thread([moved = std::move(z), also = std::move(y)]() mutable {
    moved = Tensor();
    also = Tensor();
  }).join();
}

TEST(Threads, RecordingIsAThreadsOwn) {
  const NoGrad guard;
  bool elsewhere = false;
  std::thread([&] { elsewhere = is_recording(); }).join();
  EXPECT_TRUE(elsewhere);
}

}  // namespace
}  // namespace gradus::test_ops
