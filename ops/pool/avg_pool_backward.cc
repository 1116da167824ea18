// avg_pool_backward: each element of g over its divisor added to the places of its window; the derivative of
// avg_pool and adaptive_avg_pool.
// Derivative: linear, so that of g is the cotangent pooled by the same windows.
#include "gradus/base/format.h"
#include "gradus/graph/samples.h"
#include "gradus/ops/kernels/pool.h"
#include "gradus/ops/pool/windows.h"

namespace gradus {

extern const OpDef op_avg_pool;
extern const OpDef op_adaptive_avg_pool;

namespace {

void infer(InferContext& c) {
  const auto& a = c.attrs<AvgPoolBackwardAttrs>();
  const Windows w = windows_of(a);
  c.require_floating(0);
  require_pooled(c, 0, w, a.shape);
  const ChannelLayout layout = layout_of(c.impl(0), w.spatial());
  set_out_laid_out(c, 0, c.dtype(0), a.shape, layout, w.spatial());
  c.set_scratch(laid_out_room(c.impl(0), layout, w.spatial()));
}

void kernel(KernelContext& c) {
  if (c.out[0].numel == 0) return;
  const auto& a = c.attrs<AvgPoolBackwardAttrs>();
  const Windows w = windows_of(a);
  auto* scratch = static_cast<std::byte*>(c.scratch);
  const ChannelLayout layout = layout_of(c.in[0], w.spatial());
  const View g = laid_out(c.in[0], layout, w.spatial(), &scratch);
  kernels::avg_pool_backward(pool_shape(w, c.out[0].dims, c.out[0].rank, layout),
                             {a.count_include_pad, static_cast<double>(a.divisor_override)}, g, c.out[0]);
}

void rule(RuleContext& c) {
  const auto& a = c.attrs<AvgPoolBackwardAttrs>();
  if (!a.output_size.empty())
    return c.set(0, apply(op_adaptive_avg_pool, {c.grad()}, AdaptivePoolAttrs{a.output_size}));
  c.set(0, apply(op_avg_pool, {c.grad()},
                 AvgPoolAttrs{a.kernel, a.stride, a.before, a.after, a.ceil_mode, a.count_include_pad,
                              a.divisor_override}));
}

void samples(SampleSink& s) {
  s.add({s.values({2, 3, 2, 3})},
        AvgPoolBackwardAttrs{{2, 2}, {2, 2}, {0, 0}, {0, 0}, false, true, 0, {}, {2, 3, 4, 6}});
  s.add({s.values({1, 19, 4, 3})},
        AvgPoolBackwardAttrs{{3, 3}, {2, 2}, {1, 1}, {0, 1}, true, false, 0, {}, {1, 19, 7, 5}},
        {.note = "ceil_mode, padding does not count, many channels"});
  s.add({s.values({3, 4})}, AvgPoolBackwardAttrs{{3}, {2}, {1}, {1}, false, true, 7, {}, {3, 8}},
        {.note = "unbatched, divisor_override"});
  s.add({s.values({1, 2, 2, 3, 3})},
        AvgPoolBackwardAttrs{{}, {}, {}, {}, false, true, 0, {2, 3, 3}, {1, 2, 3, 5, 4}},
        {.note = "adaptive, three axes"});
  s.add({s.values({1, 1, 1})}, AvgPoolBackwardAttrs{{1}, {1}, {0}, {0}, false, true, 0, {}, {1, 1, 1}},
        {.note = "size 1"});
  s.add({s.values({0, 2, 2})}, AvgPoolBackwardAttrs{{2}, {2}, {0}, {0}, false, true, 0, {}, {0, 2, 4}},
        {.note = "no images"});
  s.add_error({s.values({1, 2, 3})}, AvgPoolBackwardAttrs{{2}, {2}, {0}, {0}, false, true, 0, {}, {1, 2, 4}},
              "avg_pool_backward: g [1, 2, 3] f64 is not what [1, 2, 4] pools to, [1, 2, 2]");
}

constexpr const char* kInputs[] = {"g"};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(AvgPoolBackwardAttrs, kernel, nullptr),
                              GRADUS_ATTR(AvgPoolBackwardAttrs, stride, nullptr),
                              GRADUS_ATTR(AvgPoolBackwardAttrs, before, nullptr),
                              GRADUS_ATTR(AvgPoolBackwardAttrs, after, nullptr),
                              GRADUS_ATTR(AvgPoolBackwardAttrs, ceil_mode, "false"),
                              GRADUS_ATTR(AvgPoolBackwardAttrs, count_include_pad, "true"),
                              GRADUS_ATTR(AvgPoolBackwardAttrs, divisor_override, "0"),
                              GRADUS_ATTR(AvgPoolBackwardAttrs, output_size, "{}"),
                              GRADUS_ATTR(AvgPoolBackwardAttrs, shape, nullptr)};

}  // namespace

extern constinit const OpDef op_avg_pool_backward = {
    .name = "avg_pool_backward",
    .doc = "each element of g over its divisor added to the places of its window: the gradient of avg_pool",
    .inputs = kInputs,
    .attrs = kAttrs,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .formula = "dx[o stride - before + k] += g[o] / n[o]",
};

Tensor avg_pool_backward(const Tensor& g, const AvgPoolBackwardAttrs& attrs) {
  return apply(op_avg_pool_backward, {g}, attrs);
}

}  // namespace gradus
