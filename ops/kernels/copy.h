// Copies between arrays of any strides, with conversion where the dtypes differ.
#pragma once

#include <cstdint>

#include "gradus/graph/view.h"

namespace gradus::kernels {

// to[i] = from[i]; `from` has to's dims or broadcasts to them. They do not overlap. Conversions are C++'s,
// with floating to integer truncated (out of range: the target's smallest value) and to bool != 0.
void copy(const View& from, const View& to);

// Every element of `to` becomes *value, which has to's dtype.
void fill(const View& to, const void* value);

}  // namespace gradus::kernels
