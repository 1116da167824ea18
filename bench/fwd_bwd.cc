// Claim: forward and backward of a layer take one fused pass each over what they read, so that they run at
// the speed of memory; attention runs at that of its products.
#include <utility>
#include <vector>

#include "common.h"

namespace bench {
namespace {

using gd::Tensor;

// The forward, and the gradients for all inputs from one fixed cotangent.
template <class Op>
void measure_both(benchmark::State& state, std::vector<Tensor> inputs, const Op& op) {
  for (Tensor& t : inputs) t.requires_grad(true);
  const Tensor first = op(inputs);
  const Tensor seed = tensor(uniform(first.numel(), -1, 1, 7), first.shape());
  measure(state, [&] {
    const Tensor y = op(inputs);
    return gd::grad(std::span(&y, 1), inputs, {.seeds = std::span(&seed, 1)});
  });
}

template <class Op>
void add_case(const std::string& label, std::vector<gd::Shape> shapes, Op op) {
  benchmark::RegisterBenchmark(label.c_str(), [=](benchmark::State& state) {
    std::vector<Tensor> inputs;
    for (const gd::Shape& shape : shapes) {
      const auto number = static_cast<unsigned>(inputs.size());
      inputs.push_back(tensor(uniform(shape.numel(), -1, 1, number + 1), shape));
    }
    measure_both(state, std::move(inputs), op);
  });
}

}  // namespace

void register_fwd_bwd() {
  using Inputs = std::vector<Tensor>;
  const gd::Shape rows{kTokens.rows, kTokens.columns}, list{kTokens.columns};
  add_case(name("fwd_bwd/layer_norm", kTokens), {rows, list, list}, [](const Inputs& x) {
    return layer_norm(x[0], {kTokens.columns}, {.weight = x[1], .bias = x[2], .eps = kLayerNormEps});
  });
  add_case(name("fwd_bwd/softmax", kTokens), {rows}, [](const Inputs& x) { return softmax(x[0], -1); });
  add_case(name("fwd_bwd/gelu", kTokens), {rows}, [](const Inputs& x) { return gelu(x[0]); });

  const gd::Shape images{kImages[0], kImages[1], kImages[2], kImages[3]}, channels{kImages[1]};
  const auto batch_norm_of = [](const Tensor& x, const Inputs& in) {
    return batch_norm(x, {}, {}, {.weight = in[1], .bias = in[2], .training = true});
  };
  add_case("fwd_bwd/batch_norm/8x64x56x56", {images, channels, channels},
           [=](const Inputs& x) { return batch_norm_of(x[0], x); });
  benchmark::RegisterBenchmark("fwd_bwd/batch_norm_channels_last/8x64x56x56", [=](benchmark::State& state) {
    const gd::Shape last{kImages[0], kImages[2], kImages[3], kImages[1]};
    const auto seen = [&](unsigned seed) {
      return permute(tensor(uniform(last.numel(), -1, 1, seed), last), {0, 3, 1, 2});
    };
    Inputs inputs{seen(1), tensor(uniform(kImages[1], -1, 1, 2), channels),
                  tensor(uniform(kImages[1], -1, 1, 3), channels)};
    for (Tensor& t : inputs) t = t.detach().requires_grad(true);
    const Tensor seed = seen(7);
    measure(state, [&] {
      const Tensor y = batch_norm_of(inputs[0], inputs);
      return gd::grad(std::span(&y, 1), inputs, {.seeds = std::span(&seed, 1)});
    });
  });

  const gd::Shape heads{kAttention[0], kAttention[1], kAttention[2], kAttention[3]};
  for (const bool causal : {true, false}) {
    add_case(causal ? "fwd_bwd/attention_causal/4x4x256x64" : "fwd_bwd/attention/4x4x256x64",
             {heads, heads, heads}, [=](const Inputs& x) {
               return scaled_dot_product_attention(x[0], x[1], x[2], {.is_causal = causal});
             });
  }
}

}  // namespace bench
