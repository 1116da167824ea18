// Convolutions by oneDNN: f32, on arrays that lie channels-last and contiguous weights [o, c / groups, ...].
// Knows nothing of views; conv.cc brings the operands into that form.
#pragma once

#include <cstddef>

#include "gradus/ops/kernels/conv.h"

namespace gradus::kernels {

// Whether conv() asks oneDNN at all for an f32 pass of this size.
bool onednn_conv_is_wanted(const ConvShape& s);

// The most scratch memory that onednn_conv() needs, however many threads it gets.
std::size_t onednn_conv_scratch(ConvPass pass, const ConvShape& s, bool has_bias);

// x, w and y as in conv(): two of them are read, the third is written. `bias` may be null. True: done. False:
// oneDNN has no kernel that would do, and nothing happened.
bool onednn_conv(ConvPass pass, const ConvShape& s, float* x, float* w, float* y, const float* bias,
                 void* scratch);

}  // namespace gradus::kernels
