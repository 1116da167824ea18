// rnn_backward: the gradient of a layer of rnn, from the last step to the first: da = dh (1 - h^2), for relu
// dh where h > 0, and dh = da W_hh for the step before. The outputs are da at all steps and the gradient of
// h0. Derivative: the recurrence read the other way; what was dh at a step is computed again. Composed of
// ops.
#include <fmt/format.h>

#include <vector>

#include "gradus/graph/samples.h"
#include "gradus/ops/creation.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/elementwise/fused_backward.h"
#include "gradus/ops/elementwise/math.h"
#include "gradus/ops/kernels/gemm_packed.h"
#include "gradus/ops/kernels/recurrent.h"
#include "gradus/ops/matmul.h"
#include "gradus/ops/pack.h"
#include "gradus/ops/recurrent/gru.h"
#include "gradus/ops/recurrent/layer.h"
#include "gradus/ops/view.h"

namespace gradus {
namespace {

enum Input { kWhh, kLengths, kHidden, kGh };

void infer(InferContext& c) {
  c.require_floating(kHidden);
  if (c.rank(kHidden) != 3) {
    c.shape_error(fmt::format("hidden has the axes [steps, batch, hidden]: {}", c.describe(kHidden)));
  }
  const Shape states = c.shape(kHidden);
  const DType dtype = c.dtype(kHidden);
  const auto why = [&] { return fmt::format("the states are {}", c.describe(kHidden)); };
  require_fits(c, kWhh, {states[2], states[2]}, dtype, why);
  require_fits(c, kLengths, {states[1]}, DType::i64, why);
  require_fits(c, kGh, states, dtype, why);
  c.set_out_like(0, kHidden);
  c.set_out(1, dtype, {states[1], states[2]});
  set_layer_scratch(c, kernels::packed_bytes(dtype, states[2], states[2]));
}

void kernel(KernelContext& c) {
  auto* scratch = static_cast<std::byte*>(c.scratch);
  const View w_hh = pack(c.in[kWhh], &scratch), given = pack(c.in[kLengths], &scratch),
             h = pack(c.in[kHidden], &scratch);
  const void* gh = packed_or_null(c.in[kGh], &scratch);
  const std::int64_t steps = h.dims[0], batch = h.dims[1], hidden = h.dims[2];
  const auto& attrs = c.attrs<RnnLayerAttrs>();
  const std::int64_t* lengths = checked_lengths(c, kLengths, given, steps);
  const DType dtype = h.dtype;
  const std::int64_t states = batch * hidden;
  void *da = c.out[0].data, *dh = c.out[1].data;
  zero_elements(dh, states, dtype);
  if (states == 0) return;
  kernels::pack_matrix(dtype, false, hidden, hidden, w_hh.data, hidden, scratch);
  const Order order{steps, attrs.reverse};
  for_samples(batch, steps * hidden * hidden, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t k = steps - 1; k >= 0; --k) {
      const std::int64_t t = order[k];
      each_run(
          lengths, begin, end, t,
          [&](std::int64_t i, std::int64_t count) {
            const std::int64_t at = t * states + i * hidden;
            void* before = offset(dh, i * hidden, dtype);
            kernels::rnn_step_backward(dtype, {count, hidden, is_relu(attrs), offset(h.data, at, dtype),
                                               offset_if(gh, at, dtype), before, offset(da, at, dtype)});
            zero_elements(before, count * hidden, dtype);
          },
          [&](std::int64_t i, std::int64_t count) {
            const std::int64_t at = t * states + i * hidden, n = count * hidden;
            add_elements(offset(dh, i * hidden, dtype), offset_if(gh, at, dtype), n, dtype);
            zero_elements(offset(da, at, dtype), n, dtype);
          });
      if (any_active(lengths, begin, end, t)) {
        kernels::gemm_packed(dtype, end - begin, hidden, hidden,
                             offset(da, t * states + begin * hidden, dtype), hidden, scratch, true,
                             offset(dh, begin * hidden, dtype), hidden);
      }
    }
  });
}

void rule(RuleContext& c) {
  const auto& attrs = c.attrs<RnnLayerAttrs>();
  const bool rectified = is_relu(attrs);
  const Order order{c.input(kHidden).shape()[0], attrs.reverse};
  const auto n = static_cast<std::size_t>(order.steps);
  const Tensor w_hh = c.input(kWhh), lengths = c.input(kLengths), hidden = c.input(kHidden),
               gh = c.input(kGh);
  const auto through_slope = [rectified](const Tensor& g, const Tensor& h) {
    return rectified ? relu_backward(g, h) : tanh_backward(g, h);
  };
  struct Step {
    Tensor active, h, dh, da;
  };
  std::vector<Step> steps(n);
  Tensor dh;
  for (std::size_t k = n; k-- > 0;) {
    const std::int64_t t = order[static_cast<std::int64_t>(k)];
    Step& s = steps[k];
    s.active = active_samples(lengths, t, order.steps);
    s.h = select(hidden, 0, t);
    s.dh = select(gh, 0, t);
    if (k + 1 < n) s.dh = add(s.dh, dh);
    s.da = through_slope(s.dh, s.h);
    dh = choose(s.active, matmul(s.da, w_hh), s.dh);
  }

  // u: the cotangent of what a step gave to the one before it.
  Tensor u = c.grad(1), d_w;
  const Tensor w = c.grad(0);
  std::vector<Tensor> d_hidden(n), d_gh(n);
  for (std::size_t k = 0; k < n; ++k) {
    const Step& s = steps[k];
    const auto kept = [&](const Tensor& x) { return s.active.defined() ? where(s.active, x, 0.0) : x; };
    const Tensor through = kept(u);
    const Tensor of_da = kept(
        add(select(w, 0, order[static_cast<std::int64_t>(k)]), matmul(through, w_hh, {.trans_b = true})));
    const Tensor of_w = matmul(s.da, through, {.trans_a = true});
    d_w = d_w.defined() ? add(d_w, of_w) : of_w;
    d_hidden[k] = rectified ? zeros_like(s.h) : mul(mul(of_da, s.dh), mul(s.h, -2.0));
    d_gh[k] = u = choose(s.active, through_slope(of_da, s.h), u);
  }
  if (c.needs(kWhh)) c.set(kWhh, d_w);
  if (c.needs(kHidden)) c.set(kHidden, stack_steps(d_hidden, order.reverse));
  if (c.needs(kGh)) c.set(kGh, stack_steps(d_gh, order.reverse));
}

void samples(SampleSink& s) {
  const auto inputs = [&s](std::int64_t steps, std::int64_t batch, std::int64_t hidden,
                           std::initializer_list<std::int64_t> lengths) {
    const Shape states{steps, batch, hidden};
    return std::vector<Tensor>{s.values({hidden, hidden}), SampleSink::i64({batch}, lengths),
                               s.values(states, 0.05, 0.95), s.values(states)};
  };
  s.add(inputs(3, 2, 2, {3, 3}), RnnLayerAttrs{});
  s.add(inputs(3, 2, 2, {3, 3}), RnnLayerAttrs{true, "relu"}, {.note = "reverse, relu"});
  s.add(inputs(3, 3, 1, {1, 3, 0}), RnnLayerAttrs{false, "relu"}, {.note = "lengths, relu"});
  s.add(inputs(3, 3, 1, {2, 0, 3}), RnnLayerAttrs{true, "tanh"}, {.note = "lengths, reverse"});
  s.add(inputs(1, 1, 11, {1}), RnnLayerAttrs{}, {.note = "a tail behind whole vectors"});
  s.add(inputs(1, 1, 1, {1}), RnnLayerAttrs{}, {.note = "size 1"});
  s.add(inputs(2, 0, 2, {}), RnnLayerAttrs{}, {.note = "no samples"});
  std::vector<Tensor> kink = inputs(2, 2, 2, {2, 2});
  kink[kHidden] = SampleSink::f64({2, 2, 2}, {0, 1, 0, 0, 2, 0, 0, 3});
  s.add(std::move(kink), RnnLayerAttrs{false, "relu"}, {.gradcheck = false, .note = "relu at 0"});
  std::vector<Tensor> bad = inputs(2, 2, 2, {2, 2});
  bad[kGh] = s.values({2, 2, 3});
  s.add_error(
      std::move(bad), RnnLayerAttrs{},
      "rnn_backward: gh [2, 2, 3] f64 does not fit: the states are hidden [2, 2, 2] f64, so it would be "
      "[2, 2, 2]");
  s.add_error(inputs(2, 2, 2, {3, 2}), RnnLayerAttrs{},
              "rnn_backward: length 3 at [0] of lengths is outside 0..2: x has 2 steps");
}

constexpr const char* kInputs[] = {"w_hh", "lengths", "hidden", "gh"};
constexpr SaveMask kSaves[] = {in(kWhh) | in(kLengths) | in(kHidden) | in(kGh)};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(RnnLayerAttrs, reverse, "false"),
                              GRADUS_ATTR(RnnLayerAttrs, nonlinearity, "\"tanh\"")};

}  // namespace

extern constinit const OpDef op_rnn_backward = {
    .name = "rnn_backward",
    .doc = "the gradient of a layer of rnn: of the sums before the activation, and of h0",
    .inputs = kInputs,
    .outputs = 2,
    .attrs = kAttrs,
    .saves = kSaves,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
};

}  // namespace gradus
