// max_pool_indices: the places that max_pool or adaptive_max_pool chose in its windows as row-major numbers
// of one channel's spatial axes, as users and max_unpool know them.
#include "gradus/base/format.h"
#include "gradus/graph/samples.h"
#include "gradus/ops/kernels/pool.h"
#include "gradus/ops/pool/windows.h"

namespace gradus {
namespace {

void infer(InferContext& c) {
  const auto& a = c.attrs<MaxPoolBackwardAttrs>();
  const Windows w = windows_of(a);
  const kernels::PoolShape s = require_pooled(c, 0, w, a.shape);
  require_places(c, 0, 0, s);
  const ChannelLayout layout = layout_of(c.impl(0), w.spatial());
  set_out_laid_out(c, 0, DType::i64, c.shape(0), layout, w.spatial());
  c.set_scratch(laid_out_room(c.impl(0), layout, w.spatial()));
}

void kernel(KernelContext& c) {
  if (c.out[0].numel == 0) return;
  const auto& a = c.attrs<MaxPoolBackwardAttrs>();
  const Windows w = windows_of(a);
  auto* scratch = static_cast<std::byte*>(c.scratch);
  const ChannelLayout layout = layout_of(c.in[0], w.spatial());
  const View places = laid_out(c.in[0], layout, w.spatial(), &scratch);
  const kernels::PoolShape s = pool_shape(w, a.shape.data(), a.shape.rank(), layout);
  require_places_inside(c, 0, s, places);
  kernels::max_pool_indices(s, places, c.out[0]);
}

void samples(SampleSink& s) {
  const MaxPoolBackwardAttrs two{{2, 2}, {1, 2}, {1, 1}, {0, 0}, {0, 0}, false, {}, {1, 2, 3, 4}};
  s.add({sample_places({1, 2, 2, 2}, {0, 1, 3, 2, 2, 2, 0, 1})}, two);
  s.add({sample_places({2, 3}, {1, 0, 1, 2, 1, 0})},
        MaxPoolBackwardAttrs{{3}, {2}, {1}, {1}, {1}, false, {}, {2, 5}}, {.note = "unbatched, padding"});
  s.add({sample_places({1, 1, 1, 1, 2}, {3, 0})},
        MaxPoolBackwardAttrs{{}, {}, {}, {}, {}, false, {1, 1, 2}, {1, 1, 2, 2, 2}},
        {.note = "adaptive, three axes"});
  s.add_error({sample_places({1, 2, 2, 2}, {0, 1, 3, 4, 2, 2, 0, 1})}, two,
              "max_pool_indices: place 4 at [0, 0, 1, 1] of places is outside its window");
  s.add_error({sample_places({1, 1, 2, 2}, {0, 1, 3, 2})}, two,
              "max_pool_indices: places [1, 1, 2, 2] u8 is not what [1, 2, 3, 4] pools to, [1, 2, 2, 2]");
}

constexpr const char* kInputs[] = {"places"};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(MaxPoolBackwardAttrs, kernel, nullptr),
                              GRADUS_ATTR(MaxPoolBackwardAttrs, stride, nullptr),
                              GRADUS_ATTR(MaxPoolBackwardAttrs, dilation, nullptr),
                              GRADUS_ATTR(MaxPoolBackwardAttrs, before, nullptr),
                              GRADUS_ATTR(MaxPoolBackwardAttrs, after, nullptr),
                              GRADUS_ATTR(MaxPoolBackwardAttrs, ceil_mode, "false"),
                              GRADUS_ATTR(MaxPoolBackwardAttrs, output_size, "{}"),
                              GRADUS_ATTR(MaxPoolBackwardAttrs, shape, nullptr)};

}  // namespace

extern constinit const OpDef op_max_pool_indices = {
    .name = "max_pool_indices",
    .doc = "the places chosen in windows as row-major numbers of one channel's spatial axes",
    .inputs = kInputs,
    .attrs = kAttrs,
    .infer = infer,
    .kernel = kernel,
    .no_gradient = "places are whole numbers",
    .samples = samples,
    .formula = "y[o] = start[o] + places[o]",
};

}  // namespace gradus
