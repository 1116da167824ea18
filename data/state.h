// Whole numbers as parts of a state: scalars of u64. Internal to data/.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <vector>

#include "gradus/graph/named_tensor.h"

namespace gradus::data {

Tensor whole(std::uint64_t value);

// The values of exactly these names, in this order. Errors: ValueError for a name that is missing, unknown or
// there twice, ShapeError, DtypeError.
std::vector<std::uint64_t> read_wholes(const NamedTensors& state,
                                       std::initializer_list<std::string_view> names, const char* op,
                                       Location where);

}  // namespace gradus::data
