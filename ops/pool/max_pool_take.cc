// max_pool_take: of each window of x the element at the place that max_pool or adaptive_max_pool chose in
// another array; the derivative of max_pool_backward.
// Derivative: linear in x, so max_pool_backward.
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
  if (c.shape(0) != a.shape) {
    c.shape_error(fmt::format("{} does not have the shape {}", c.describe(0),
                              format_shape({a.shape.data(), static_cast<std::size_t>(a.shape.rank())})));
  }
  const kernels::PoolShape s = require_pooled(c, 1, w, a.shape);
  require_places(c, 1, 1, s);
  const ChannelLayout layout = layout_of(c.impl(1), w.spatial());
  set_out_laid_out(c, 0, c.dtype(0), c.shape(1), layout, w.spatial());
  c.set_scratch(laid_out_room(c.impl(0), layout, w.spatial()) +
                laid_out_room(c.impl(1), layout, w.spatial()));
}

void kernel(KernelContext& c) {
  if (c.out[0].numel == 0) return;
  const Windows w = windows_of(c.attrs<MaxPoolBackwardAttrs>());
  auto* scratch = static_cast<std::byte*>(c.scratch);
  const ChannelLayout layout = layout_of(c.in[1], w.spatial());
  const View x = laid_out(c.in[0], layout, w.spatial(), &scratch);
  const View places = laid_out(c.in[1], layout, w.spatial(), &scratch);
  const kernels::PoolShape s = pool_shape(w, x.dims, x.rank, layout);
  require_places_inside(c, 1, s, places);
  kernels::max_pool_take(s, x, places, c.out[0]);
}

void rule(RuleContext& c) {
  if (c.needs(0)) c.set(0, max_pool_backward(c.grad(), c.input(1), c.attrs<MaxPoolBackwardAttrs>()));
}

void samples(SampleSink& s) {
  const MaxPoolBackwardAttrs two{{2, 2}, {1, 2}, {1, 1}, {0, 0}, {0, 0}, false, {}, {1, 2, 3, 4}};
  s.add({s.values({1, 2, 3, 4}), sample_places({1, 2, 2, 2}, {0, 1, 3, 2, 2, 2, 0, 1})}, two);
  s.add({s.values({2, 5}), sample_places({2, 3}, {1, 0, 1, 2, 1, 0})},
        MaxPoolBackwardAttrs{{3}, {2}, {1}, {1}, {1}, false, {}, {2, 5}}, {.note = "unbatched, padding"});
  s.add({s.values({1, 1, 2, 2, 2}), sample_places({1, 1, 1, 1, 2}, {3, 0})},
        MaxPoolBackwardAttrs{{}, {}, {}, {}, {}, false, {1, 1, 2}, {1, 1, 2, 2, 2}},
        {.note = "adaptive, three axes"});
  s.add({s.values({0, 2, 4}), sample_places({0, 2, 2}, {})},
        MaxPoolBackwardAttrs{{2}, {2}, {1}, {0}, {0}, false, {}, {0, 2, 4}}, {.note = "no images"});
  s.add_error({s.values({1, 2, 3, 5}), sample_places({1, 2, 2, 2}, {0, 1, 3, 2, 2, 2, 0, 1})}, two,
              "max_pool_take: x [1, 2, 3, 5] f64 does not have the shape [1, 2, 3, 4]");
  s.add_error({s.values({1, 2, 3, 4}), sample_places({1, 2, 2, 2}, {0, 1, 3, 9, 2, 2, 0, 1})}, two,
              "max_pool_take: place 9 at [0, 0, 1, 1] of places is outside its window");
  s.add_error({s.values({1, 2, 3, 4}), s.values({1, 2, 2, 2})}, two,
              "max_pool_take: there is one u8 place an element: places [1, 2, 2, 2] f64");
}

constexpr const char* kInputs[] = {"x", "places"};
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

extern constinit const OpDef op_max_pool_take = {
    .name = "max_pool_take",
    .doc = "of each window of x the element at the place that was chosen: the gradient of max_pool_backward",
    .inputs = kInputs,
    .attrs = kAttrs,
    .saves = kSaves,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .formula = "y[o] = x[start[o] + places[o]]",
};

Tensor max_pool_take(const Tensor& x, const Tensor& places, const MaxPoolBackwardAttrs& attrs) {
  return apply(op_max_pool_take, {x, places}, attrs);
}

}  // namespace gradus
