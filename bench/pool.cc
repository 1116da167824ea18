// Claim: pooling forward and backward reads and writes its arrays once, in either layout.
#include "common.h"

namespace bench {
namespace {

template <class Op>
void add_case(const std::string& name, bool channels_last, Op op) {
  benchmark::RegisterBenchmark(name.c_str(), [=](benchmark::State& state) {
    const Image s = kPoolImage;
    gd::Tensor x = tensor(uniform(s.n * s.c * s.h * s.w, -1, 1), {s.n, s.c, s.h, s.w});
    if (channels_last) x = permute(contiguous(permute(x, {0, 2, 3, 1})), {0, 3, 1, 2});
    x = x.detach().requires_grad(true);
    const gd::Tensor seed = op(x.detach());  // a cotangent in the layout of the result
    measure(state, [&] { return gd::grad(op(x), {x}, {.seeds = std::span(&seed, 1)}); });
    state.SetItemsProcessed(state.iterations() * x.numel());
  });
}

}  // namespace

void register_pool() {
  using T = gd::Tensor;
  for (const bool last : {false, true}) {
    const std::string layout = last ? "/channels_last" : "";
    add_case("max_pool2d/2x2" + layout, last, [](const T& x) { return max_pool2d(x, 2); });
    add_case("max_pool2d/3x3s2" + layout, last,
             [](const T& x) { return max_pool2d(x, 3, {.stride = 2, .padding = 1}); });
    add_case("avg_pool2d/2x2" + layout, last, [](const T& x) { return avg_pool2d(x, 2); });
  }
}

}  // namespace bench
