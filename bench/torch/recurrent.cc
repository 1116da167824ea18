// A layer of lstm and of gru over a sequence, forward and backward.
#include "common.h"

namespace bench {
namespace {

std::vector<torch::Tensor> weights(std::int64_t gates) {
  const Recurrent r = kRecurrent;
  const std::int64_t rows = gates * r.hidden;
  const auto parameter = [](const std::vector<float>& v, at::IntArrayRef shape) {
    return tensor(v, shape).requires_grad_(true);
  };
  return {parameter(uniform(rows * r.inputs, -0.1, 0.1, 2), {rows, r.inputs}),
          parameter(uniform(rows * r.hidden, -0.1, 0.1, 3), {rows, r.hidden}),
          parameter(uniform(rows, -0.1, 0.1, 4), {rows}), parameter(uniform(rows, -0.1, 0.1, 5), {rows})};
}

template <class Layer>
void add_case(const char* stem, std::int64_t gates, Layer layer) {
  const Recurrent r = kRecurrent;
  benchmark::RegisterBenchmark(name(stem, r).c_str(), [=](benchmark::State& state) {
    torch::Tensor x = tensor(uniform(r.steps * r.batch * r.inputs, -1, 1), {r.steps, r.batch, r.inputs});
    x.requires_grad_(true);
    const torch::Tensor seed =
        tensor(uniform(r.steps * r.batch * r.hidden, -1, 1, 6), {r.steps, r.batch, r.hidden});
    const torch::Tensor zero = torch::zeros({1, r.batch, r.hidden});
    const std::vector<torch::Tensor> w = weights(gates);
    std::vector<torch::Tensor> wanted = {x};
    wanted.insert(wanted.end(), w.begin(), w.end());
    measure(state, [&] { return torch::autograd::grad({layer(x, zero, w)}, wanted, {seed}); });
  });
}

}  // namespace

void register_recurrent() {
  using T = torch::Tensor;
  using W = std::vector<torch::Tensor>;
  add_case("recurrent/lstm", 4, [](const T& x, const T& zero, const W& w) {
    return std::get<0>(torch::lstm(x, {zero, zero}, w, /*has_biases=*/true, /*num_layers=*/1, /*dropout=*/0,
                                   /*train=*/true, /*bidirectional=*/false, /*batch_first=*/false));
  });
  add_case("recurrent/gru", 3, [](const T& x, const T& zero, const W& w) {
    return std::get<0>(torch::gru(x, zero, w, /*has_biases=*/true, /*num_layers=*/1, /*dropout=*/0,
                                  /*train=*/true, /*bidirectional=*/false, /*batch_first=*/false));
  });
}

}  // namespace bench
