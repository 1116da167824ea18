// Forward and backward of layers: layer norm, softmax, gelu, batch norm in both orders of memory, attention.
#include <string>
#include <utility>
#include <vector>

#include "common.h"

namespace bench {
namespace {

using torch::Tensor;
using Inputs = std::vector<Tensor>;
using Sizes = std::vector<std::int64_t>;

std::int64_t count(const Sizes& sizes) {
  std::int64_t n = 1;
  for (const std::int64_t s : sizes) n *= s;
  return n;
}

// The forward, and the gradients for all inputs from one fixed cotangent.
template <class Op>
void measure_both(benchmark::State& state, const Inputs& inputs, const Tensor& seed, const Op& op) {
  for (const Tensor& t : inputs) t.requires_grad_(true);
  measure(state, [&] { return torch::autograd::grad({op(inputs)}, inputs, {seed}); });
}

template <class Op>
void add_case(const std::string& label, std::vector<Sizes> shapes, Op op) {
  benchmark::RegisterBenchmark(label.c_str(), [=](benchmark::State& state) {
    Inputs inputs;
    for (const Sizes& sizes : shapes) {
      const auto number = static_cast<unsigned>(inputs.size());
      inputs.push_back(tensor(uniform(count(sizes), -1, 1, number + 1), sizes));
    }
    Tensor first;
    {
      const torch::NoGradGuard no_grad;
      first = op(inputs);
    }
    measure_both(state, inputs, tensor(uniform(first.numel(), -1, 1, 7), first.sizes()), op);
  });
}

Tensor batch_norm(const Inputs& x) {
  return torch::batch_norm(x[0], x[1], x[2], /*running_mean=*/{}, /*running_var=*/{}, /*training=*/true,
                           /*momentum=*/0.1, /*eps=*/1e-5, /*cudnn_enabled=*/false);
}

}  // namespace

void register_fwd_bwd() {
  const Sizes rows{kTokens.rows, kTokens.columns}, list{kTokens.columns};
  add_case(name("fwd_bwd/layer_norm", kTokens), {rows, list, list}, [](const Inputs& x) {
    return torch::layer_norm(x[0], {kTokens.columns}, x[1], x[2], kLayerNormEps);
  });
  add_case(name("fwd_bwd/softmax", kTokens), {rows},
           [](const Inputs& x) { return torch::softmax(x[0], -1); });
  add_case(name("fwd_bwd/gelu", kTokens), {rows}, [](const Inputs& x) { return torch::gelu(x[0]); });

  const Sizes images(std::begin(kImages), std::end(kImages)), channels{kImages[1]};
  add_case("fwd_bwd/batch_norm/8x64x56x56", {images, channels, channels}, batch_norm);
  benchmark::RegisterBenchmark("fwd_bwd/batch_norm_channels_last/8x64x56x56", [=](benchmark::State& state) {
    const Sizes last{kImages[0], kImages[2], kImages[3], kImages[1]};
    const auto seen = [&](unsigned seed) {
      return tensor(uniform(count(last), -1, 1, seed), last).permute({0, 3, 1, 2}).detach();
    };
    const Inputs inputs{seen(1), tensor(uniform(kImages[1], -1, 1, 2), channels),
                        tensor(uniform(kImages[1], -1, 1, 3), channels)};
    measure_both(state, inputs, seen(7), batch_norm);
  });

  const Sizes heads(std::begin(kAttention), std::end(kAttention));
  for (const bool causal : {true, false}) {
    add_case(causal ? "fwd_bwd/attention_causal/4x4x256x64" : "fwd_bwd/attention/4x4x256x64",
             {heads, heads, heads}, [=](const Inputs& x) {
               return at::scaled_dot_product_attention(x[0], x[1], x[2], /*attn_mask=*/{}, /*dropout_p=*/0.0,
                                                       causal);
             });
  }
}

}  // namespace bench
