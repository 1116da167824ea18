// Pooling forward and backward, in both layouts.
#include "common.h"

namespace bench {
namespace {

template <class Op>
void add_case(const std::string& name, bool channels_last, Op op) {
  benchmark::RegisterBenchmark(name.c_str(), [=](benchmark::State& state) {
    const Image s = kPoolImage;
    torch::Tensor x = tensor(uniform(s.n * s.c * s.h * s.w, -1, 1), {s.n, s.c, s.h, s.w});
    if (channels_last) x = x.contiguous(at::MemoryFormat::ChannelsLast);
    x.requires_grad_();
    const torch::Tensor seed = op(x.detach());  // a cotangent in the layout of the result
    measure(state, [&] { return torch::autograd::grad({op(x)}, {x}, {seed}); });
    state.SetItemsProcessed(state.iterations() * x.numel());
  });
}

}  // namespace

void register_pool() {
  using T = torch::Tensor;
  for (const bool last : {false, true}) {
    const std::string layout = last ? "/channels_last" : "";
    add_case("max_pool2d/2x2" + layout, last, [](const T& x) { return torch::max_pool2d(x, 2); });
    add_case("max_pool2d/3x3s2" + layout, last, [](const T& x) { return torch::max_pool2d(x, 3, 2, 1); });
    add_case("avg_pool2d/2x2" + layout, last, [](const T& x) { return torch::avg_pool2d(x, 2); });
  }
}

}  // namespace bench
