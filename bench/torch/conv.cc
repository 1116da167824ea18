// A convolution forward and backward, for its input and its weights, on images in the order of their axes:
// what libtorch's own layers give. Both cases are the same here.
#include "common.h"

namespace bench {
namespace {

void add_case(const char* name) {
  benchmark::RegisterBenchmark(name, [](benchmark::State& state) {
    constexpr std::int64_t kImages = kConvBatch * kConvChannels * kConvSize * kConvSize;
    constexpr std::int64_t kWeights = kConvChannels * kConvChannels * kConvKernel * kConvKernel;
    const std::vector<std::int64_t> shape{kConvBatch, kConvChannels, kConvSize, kConvSize};
    const torch::Tensor x = tensor(uniform(kImages, -1, 1, 1), shape).requires_grad_();
    const torch::Tensor w =
        tensor(uniform(kWeights, -1, 1, 2), {kConvChannels, kConvChannels, kConvKernel, kConvKernel})
            .requires_grad_();
    const torch::Tensor seed = tensor(uniform(kImages, -1, 1, 3), shape);
    measure(state, [&] {
      const torch::Tensor y = torch::conv2d(x, w, /*bias=*/{}, /*stride=*/1, /*padding=*/kConvKernel / 2);
      return torch::autograd::grad({y}, {x, w}, {seed});
    });
    state.counters["flops"] =
        benchmark::Counter(3 * 2.0 * static_cast<double>(kImages * kConvChannels * kConvKernel * kConvKernel),
                           benchmark::Counter::kIsIterationInvariantRate);
  });
}

}  // namespace

void register_conv() {
  add_case("conv2d/3x3_fwd_bwd");
  add_case("conv2d/3x3_fwd_bwd_middle");
}

}  // namespace bench
