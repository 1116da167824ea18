// Claim: a recurrent layer, forward and backward, costs little more than its matrix products: the recurrent
// weight is packed once, the pointwise part is one loop, the weights' gradients are one product over all
// steps.
#include "common.h"

namespace bench {
namespace {

gd::RecurrentWeights weights(std::int64_t gates) {
  const Recurrent r = kRecurrent;
  const std::int64_t rows = gates * r.hidden;
  const auto parameter = [](const std::vector<float>& v, const gd::Shape& shape) {
    return reshape(tensor(v), shape).detach().requires_grad(true);
  };
  return {parameter(uniform(rows * r.inputs, -0.1, 0.1, 2), {rows, r.inputs}),
          parameter(uniform(rows * r.hidden, -0.1, 0.1, 3), {rows, r.hidden}),
          parameter(uniform(rows, -0.1, 0.1, 4), {rows}), parameter(uniform(rows, -0.1, 0.1, 5), {rows})};
}

template <class Layer>
void add_case(const char* stem, std::int64_t gates, Layer layer) {
  const Recurrent r = kRecurrent;
  benchmark::RegisterBenchmark(name(stem, r).c_str(), [=](benchmark::State& state) {
    gd::Tensor x = tensor(uniform(r.steps * r.batch * r.inputs, -1, 1), {r.steps, r.batch, r.inputs});
    x.requires_grad(true);
    const gd::Tensor seed =
        tensor(uniform(r.steps * r.batch * r.hidden, -1, 1, 6), {r.steps, r.batch, r.hidden});
    const gd::RecurrentWeights w = weights(gates);
    const std::vector<gd::Tensor> wanted = {x, w.w_ih, w.w_hh, w.b_ih, w.b_hh};
    measure(state, [&] {
      const gd::Tensor output = layer(x, w);
      return gd::grad(output, wanted, {.seeds = std::span(&seed, 1)});
    });
  });
}

}  // namespace

void register_recurrent() {
  using T = gd::Tensor;
  using W = gd::RecurrentWeights;
  add_case("recurrent/lstm", 4, [](const T& x, const W& w) { return lstm(x, {w}).output; });
  add_case("recurrent/gru", 3, [](const T& x, const W& w) { return gru(x, {w}).output; });
}

}  // namespace bench
