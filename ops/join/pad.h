// Attributes of repeat and pad, and the gradient of pad. Internal to ops/ and to tests.
#pragma once

#include "gradus/graph/apply.h"
#include "gradus/ops/join.h"

namespace gradus {

struct RepeatAttrs {
  Shape repeats;
};
// One number an axis each; negative ones take elements away.
struct PadAttrs {
  Dims before, after;
  const char* mode = "constant";
  double value = 0;
};
// `shape` is that of the array that was padded.
struct PadBackwardAttrs {
  Dims before, after;
  const char* mode = "reflect";
  Shape shape;
};

PadMode to_pad_mode(const char* name);

// For every place of every axis of the padded array: the place of the source's axis that it is read from, -1
// for none. The maps lie one after the other in `scratch`; maps[i] is that of axis i.
void fill_pad_maps(const char* mode, const Dims& before, const View& source, const View& padded,
                   std::int64_t* scratch, const std::int64_t** maps);

// The gradient of pad in another mode than constant: each element of g added at the place that it was read
// from.
Tensor pad_backward(const Tensor& g, const PadBackwardAttrs& attrs);

}  // namespace gradus
