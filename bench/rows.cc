// Claim: work by rows (softmax, moments, layer norm) reads memory as rarely as it can; a transpose is copied
// in blocks.
#include "common.h"

namespace bench {
namespace {

template <class Op>
void add_case(const char* stem, Op op) {
  for (const Rows r : kRowSizes) {
    benchmark::RegisterBenchmark(name(stem, r).c_str(), [=](benchmark::State& state) {
      const gd::NoGrad no_grad;
      const gd::Tensor x = tensor(uniform(r.rows * r.columns, -4, 4), {r.rows, r.columns});
      measure(state, [&] { return op(x); });
      state.SetItemsProcessed(state.iterations() * r.rows * r.columns);
    });
  }
}

gd::Tensor layer_norm_composed(const gd::Tensor& x) {
  const gd::Tensor m = mean(x, {-1}, /*keepdim=*/true);
  const gd::Tensor v = var(x, {-1}, {.correction = 0, .keepdim = true});
  return (x - m) * rsqrt(v + kLayerNormEps);
}

}  // namespace

void register_rows() {
  using T = gd::Tensor;
  add_case("softmax", [](const T& x) { return softmax(x, -1); });
  add_case("log_softmax", [](const T& x) { return log_softmax(x, -1); });
  add_case("rows/mean", [](const T& x) { return mean(x, {-1}); });
  add_case("rows/var", [](const T& x) { return var(x, {-1}, {.correction = 0}); });
  add_case("rows/layer_norm_composed", layer_norm_composed);
  add_case("rows/layer_norm", [](const T& x) { return layer_norm(x, {x.size(-1)}); });

  const Rows square{kTransposeSize, kTransposeSize};
  benchmark::RegisterBenchmark(name("copy_transpose", square).c_str(), [=](benchmark::State& state) {
    const gd::NoGrad no_grad;
    const gd::Tensor x = tensor(uniform(square.rows * square.columns, -1, 1), {square.rows, square.columns});
    measure(state, [&] { return contiguous(transpose(x, 0, 1)); });
    state.SetItemsProcessed(state.iterations() * square.rows * square.columns);
  });
}

}  // namespace bench
