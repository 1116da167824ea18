// Conversions between the format's element types. Internal to data/format/onnx.
#pragma once

#include "gradus/data/format/onnx/call.h"

namespace gradus::onnx {

// The element type that an attribute names, by number or, before operator set 6, by word. Errors: BadNode;
// Unsupported for one that gradus lacks.
ElementType type_attribute(const Call& c, std::string_view name);

// x as `to`; differentiable between floating types.
Tensor cast_to(const Call& c, const Tensor& x, ElementType from, ElementType to);

}  // namespace gradus::onnx
