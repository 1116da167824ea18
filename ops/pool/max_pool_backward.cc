// max_pool_backward: zeros with each element of g added at the place that max_pool or adaptive_max_pool chose
// in its window.
// Derivative: linear in g, so what max_pool_take reads from the cotangent.
#include "gradus/base/format.h"
#include "gradus/graph/samples.h"
#include "gradus/ops/kernels/pool.h"
#include "gradus/ops/pool/windows.h"

namespace gradus {
namespace {

void infer(InferContext& c) {
  const auto& a = c.attrs<MaxPoolBackwardAttrs>();
  const Windows w = windows_of(a);
  c.require_floating(0);
  const kernels::PoolShape s = require_pooled(c, 0, w, a.shape);
  require_places(c, 1, 0, s);
  const ChannelLayout layout = layout_of(c.impl(1), w.spatial());
  set_out_laid_out(c, 0, c.dtype(0), a.shape, layout, w.spatial());
  c.set_scratch(laid_out_room(c.impl(0), layout, w.spatial()) +
                laid_out_room(c.impl(1), layout, w.spatial()));
}

void kernel(KernelContext& c) {
  if (c.out[0].numel == 0) return;
  const Windows w = windows_of(c.attrs<MaxPoolBackwardAttrs>());
  auto* scratch = static_cast<std::byte*>(c.scratch);
  const ChannelLayout layout = layout_of(c.in[1], w.spatial());
  const View g = laid_out(c.in[0], layout, w.spatial(), &scratch);
  const View places = laid_out(c.in[1], layout, w.spatial(), &scratch);
  const kernels::PoolShape s = pool_shape(w, c.out[0].dims, c.out[0].rank, layout);
  require_places_inside(c, 1, s, places);
  kernels::max_pool_backward(s, g, places, c.out[0]);
}

void rule(RuleContext& c) {
  if (c.needs(0)) c.set(0, max_pool_take(c.grad(), c.input(1), c.attrs<MaxPoolBackwardAttrs>()));
}

void samples(SampleSink& s) {
  const MaxPoolBackwardAttrs two{{2, 2}, {1, 2}, {1, 1}, {0, 0}, {0, 0}, false, {}, {1, 2, 3, 4}};
  s.add({s.values({1, 2, 2, 2}), sample_places({1, 2, 2, 2}, {0, 1, 3, 2, 2, 2, 0, 1})}, two);
  s.add({s.values({2, 3}), sample_places({2, 3}, {1, 0, 1, 2, 1, 0})},
        MaxPoolBackwardAttrs{{3}, {2}, {1}, {1}, {1}, false, {}, {2, 5}}, {.note = "unbatched, padding"});
  s.add({s.values({1, 1, 1, 1, 2}), sample_places({1, 1, 1, 1, 2}, {3, 0})},
        MaxPoolBackwardAttrs{{}, {}, {}, {}, {}, false, {1, 1, 2}, {1, 1, 2, 2, 2}},
        {.note = "adaptive, three axes"});
  s.add({s.values({0, 2, 2}), sample_places({0, 2, 2}, {})},
        MaxPoolBackwardAttrs{{2}, {2}, {1}, {0}, {0}, false, {}, {0, 2, 4}}, {.note = "no images"});
  s.add_error({s.values({1, 2, 2, 3}), sample_places({1, 2, 2, 3}, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})},
              two, "max_pool_backward: g [1, 2, 2, 3] f64 is not what [1, 2, 3, 4] pools to, [1, 2, 2, 2]");
  s.add_error({s.values({1, 2, 2, 2}), sample_places({1, 2, 2, 2}, {0, 1, 3, 4, 2, 2, 0, 1})}, two,
              "max_pool_backward: place 4 at [0, 0, 1, 1] of places is outside its window");
  s.add_error({s.values({1, 2, 2, 2}), sample_places({2, 2, 2}, {0, 1, 3, 4, 2, 2, 0, 1})}, two,
              "max_pool_backward: there is one u8 place an element: g [1, 2, 2, 2] f64, places [2, 2, 2] u8");
}

constexpr const char* kInputs[] = {"g", "places"};
constexpr SaveMask kSaves[] = {in(1)};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(MaxPoolBackwardAttrs, kernel, nullptr),
                              GRADUS_ATTR(MaxPoolBackwardAttrs, stride, nullptr),
                              GRADUS_ATTR(MaxPoolBackwardAttrs, dilation, nullptr),
                              GRADUS_ATTR(MaxPoolBackwardAttrs, before, nullptr),
                              GRADUS_ATTR(MaxPoolBackwardAttrs, after, nullptr),
                              GRADUS_ATTR(MaxPoolBackwardAttrs, ceil_mode, "false"),
                              GRADUS_ATTR(MaxPoolBackwardAttrs, output_size, "{}"),
                              GRADUS_ATTR(MaxPoolBackwardAttrs, shape, nullptr)};

}  // namespace

extern constinit const OpDef op_max_pool_backward = {
    .name = "max_pool_backward",
    .doc = "zeros with each element of g added at the place chosen in its window: the gradient of max_pool",
    .inputs = kInputs,
    .attrs = kAttrs,
    .saves = kSaves,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .formula = "dx[start[o] + places[o]] += g[o]",
};

Tensor max_pool_backward(const Tensor& g, const Tensor& places, const MaxPoolBackwardAttrs& attrs) {
  return apply(op_max_pool_backward, {g, places}, attrs);
}

}  // namespace gradus
