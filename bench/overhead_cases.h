// The overhead cases: what one op costs beside its arithmetic, on tensors of a few floats. Each is written
// once for a `Loop` that repeats its body: Google Benchmark times it (overhead.cc), callgrind counts
// instructions (instructions.cc). A Loop has loop(body) and loop.batches(ops, body), where one body runs
// `ops` ops and the figure is that of one of them.
#pragma once

#include "tensors.h"

namespace bench {

inline gd::Tensor small(unsigned seed, std::int64_t n = kSmall) {
  return tensor(uniform(n, 0.5, 1.5, seed), {n});
}

template <class Loop>
void add4_nograd(Loop& loop) {
  const gd::NoGrad no_grad;
  const gd::Tensor a = small(1), b = small(2);
  loop([&] { return a + b; });
}

template <class Loop>
void view(Loop& loop) {
  const gd::NoGrad no_grad;
  const gd::Tensor a = small(1);
  loop([&] { return reshape(a, {2, 2}); });
}

template <class Loop>
void sum4(Loop& loop) {
  const gd::NoGrad no_grad;
  const gd::Tensor a = small(1);
  loop([&] { return sum(a); });
}

template <class Loop>
void matmul4x4(Loop& loop) {
  const gd::NoGrad no_grad;
  const gd::Tensor a = tensor(uniform(16, 0.5, 1.5, 1), {4, 4}), b = tensor(uniform(16, 0.5, 1.5, 2), {4, 4});
  loop([&] { return matmul(a, b); });
}

template <class Loop>
void recorded_mul(Loop& loop) {
  gd::Tensor x = small(1), w = small(2).requires_grad(true);
  loop([&] { return x * w; });
}

template <class Loop>
void chain100_mul_fwd_bwd(Loop& loop) {
  const gd::Tensor x = small(1);
  gd::Tensor w = tensor(uniform(kSmall, 0.99, 1.01, 2), {kSmall}).requires_grad(true);
  loop.batches(kChainLength, [&] {
    gd::Tensor y = x;
    for (int i = 0; i < kChainLength; ++i) y = y * w;
    sum(y).backward();
    w.clear_grad();
  });
}

template <class Loop>
void relu_mul_sum_bwd(Loop& loop) {
  const gd::Tensor x = small(1, kSmallFused);
  gd::Tensor w0 = small(2, kSmallFused).requires_grad(true), w1 = small(3, kSmallFused).requires_grad(true);
  loop.batches(1, [&] {
    sum(relu(x * w0) * w1).backward();
    w0.clear_grad();
    w1.clear_grad();
  });
}

template <class Loop>
struct OverheadCase {
  const char* name;
  void (*run)(Loop&);
};

template <class Loop>
inline constexpr OverheadCase<Loop> kOverheadCases[] = {
    {"overhead/add4_nograd", add4_nograd<Loop>},
    {"overhead/view", view<Loop>},
    {"overhead/sum4", sum4<Loop>},
    {"overhead/matmul4x4", matmul4x4<Loop>},
    {"overhead/recorded_mul", recorded_mul<Loop>},
    {"overhead/chain100_mul_fwd_bwd", chain100_mul_fwd_bwd<Loop>},
    {"overhead/relu_mul_sum_bwd", relu_mul_sum_bwd<Loop>},
};

}  // namespace bench
