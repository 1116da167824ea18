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

// Where the place i of an axis of size n, counted from its first element and perhaps outside, reads from; -1:
// nowhere.
std::int64_t pad_source(PadMode mode, std::int64_t i, std::int64_t n);

// The gradient of pad in another mode than constant: each element of g added at the place that it was read
// from.
Tensor pad_backward(const Tensor& g, const PadBackwardAttrs& attrs);

}  // namespace gradus
