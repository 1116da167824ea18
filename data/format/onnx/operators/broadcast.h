// Broadcasting as it was before operator set 7. Internal to data/format/onnx.
#pragma once

#include "gradus/data/format/onnx/call.h"
#include "gradus/ops/view.h"

namespace gradus::onnx {

// Input 1, shaped so that it broadcasts to input 0 by the rules of today: with the attributes `broadcast` and
// `axis` of operator sets 1 to 6 its axes begin at axis `axis` of input 0.
Tensor second_operand(const Call& c);

}  // namespace gradus::onnx
