// Work by rows: softmax, log_softmax, mean, variance, layer norm over the last dimension; the copy of a
// transpose.
#include "common.h"

namespace bench {
namespace {

template <class Op>
void add_case(const char* stem, Op op) {
  for (const Rows r : kRowSizes) {
    benchmark::RegisterBenchmark(name(stem, r).c_str(), [=](benchmark::State& state) {
      const torch::NoGradGuard no_grad;
      const torch::Tensor x = tensor(uniform(r.rows * r.columns, -4, 4), {r.rows, r.columns});
      measure(state, [&] { return op(x); });
      state.SetItemsProcessed(state.iterations() * r.rows * r.columns);
    });
  }
}

torch::Tensor layer_norm_composed(const torch::Tensor& x) {
  const auto [var, mean] = torch::var_mean(x, {-1}, /*unbiased=*/false, /*keepdim=*/true);
  return (x - mean) * torch::rsqrt(var + kLayerNormEps);
}

}  // namespace

void register_rows() {
  using T = torch::Tensor;
  add_case("softmax", [](const T& x) { return torch::softmax(x, -1); });
  add_case("log_softmax", [](const T& x) { return torch::log_softmax(x, -1); });
  add_case("rows/mean", [](const T& x) { return torch::mean(x, -1); });
  add_case("rows/var", [](const T& x) { return torch::var(x, {-1}, /*unbiased=*/false); });
  add_case("rows/layer_norm_composed", layer_norm_composed);
  add_case("rows/layer_norm", [](const T& x) {
    return torch::layer_norm(x, {x.size(-1)}, /*weight=*/{}, /*bias=*/{}, kLayerNormEps);
  });

  const Rows square{kTransposeSize, kTransposeSize};
  benchmark::RegisterBenchmark(name("copy_transpose", square).c_str(), [=](benchmark::State& state) {
    const torch::NoGradGuard no_grad;
    const torch::Tensor x =
        tensor(uniform(square.rows * square.columns, -1, 1), {square.rows, square.columns});
    measure(state, [&] { return x.t().contiguous(); });
    state.SetItemsProcessed(state.iterations() * square.rows * square.columns);
  });
}

}  // namespace bench
