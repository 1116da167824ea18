// The attributes that convolutions and pools share: how windows lie over the spatial axes of an input
// [N, C, spatial...]. Internal to data/format/onnx.
#pragma once

#include "gradus/data/format/onnx/call.h"

namespace gradus::onnx {

struct Windows {
  int spatial = 0;  // 1 to 3
  Dims kernel;
  Dims stride;
  Dims dilation;
  Dims before;  // paddings
  Dims behind;
};

// Reads strides, dilations, pads and auto_pad. `kernel` is the default for kernel_shape, empty where the
// attribute must be there. Errors: BadNode; Unsupported for more than 3 spatial axes.
Windows read_windows(const Call& c, const Dims& kernel);

// Sizes of the spatial axes from a list of the file. Errors: BadNode for another number of them.
Dims spatial_list(const Call& c, std::string_view name, int spatial, std::int64_t otherwise);

}  // namespace gradus::onnx
