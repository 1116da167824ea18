// Formulas of several nodes that writers of more than one family need. Internal to writers/.
#pragma once

#include "gradus/data/format/onnx/emit.h"

namespace gradus::onnx {

// ln(1 + x), exact near 0.
Id log1p(Emit& e, Id x);
// ln(e^a + e^b) without overflow; -inf for both -inf, inf for both inf.
Id logaddexp(Emit& e, Id a, Id b);
// True for negative numbers and for -0.
Id is_negative(Emit& e, Id x);
// bool: whether x is inf or -inf.
Id is_infinite(Emit& e, Id x);

}  // namespace gradus::onnx
