// Claim: a convolution forward and backward, for its input and its weights, is faster than the peer's: images
// and results lie channels-last, in which oneDNN's kernels run fastest. The first case starts from images and
// cotangents in the order of their axes, which is the peer's layout; the second is a layer in the middle of a
// network, where each library gets what its own layers give.
#include "common.h"

namespace bench {
namespace {

// [N, C, H, W] with the strides of [N, H, W, C].
gd::Tensor channels_last(const gd::Tensor& x) {
  return permute(contiguous(permute(x, {0, 2, 3, 1})), {0, 3, 1, 2});
}

void add_case(const char* name, bool middle) {
  benchmark::RegisterBenchmark(name, [=](benchmark::State& state) {
    constexpr std::int64_t kImages = kConvBatch * kConvChannels * kConvSize * kConvSize;
    constexpr std::int64_t kWeights = kConvChannels * kConvChannels * kConvKernel * kConvKernel;
    const gd::Shape shape{kConvBatch, kConvChannels, kConvSize, kConvSize};
    gd::Tensor x = tensor(uniform(kImages, -1, 1, 1), shape);
    gd::Tensor w =
        tensor(uniform(kWeights, -1, 1, 2), {kConvChannels, kConvChannels, kConvKernel, kConvKernel});
    gd::Tensor seed = tensor(uniform(kImages, -1, 1, 3), shape);
    if (middle) {
      x = channels_last(x);
      seed = channels_last(seed);
    }
    x.requires_grad(true);
    w.requires_grad(true);
    const std::vector<gd::Tensor> inputs{x, w}, seeds{seed};
    measure(state, [&] {
      const std::vector<gd::Tensor> y{conv2d(x, w, {.padding = kConvKernel / 2})};
      return gd::grad(y, inputs, {.seeds = seeds});
    });
    state.counters["flops"] =
        benchmark::Counter(3 * 2.0 * static_cast<double>(kImages * kConvChannels * kConvKernel * kConvKernel),
                           benchmark::Counter::kIsIterationInvariantRate);
  });
}

}  // namespace

void register_conv() {
  add_case("conv2d/3x3_fwd_bwd", false);
  add_case("conv2d/3x3_fwd_bwd_middle", true);
}

}  // namespace bench
