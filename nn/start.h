// What constructors of layers share: parameters with PyTorch's initial values, and checks of sizes. Internal.
#pragma once

#include <initializer_list>

#include "gradus/base/location.h"
#include "gradus/base/random.h"
#include "gradus/nn/parameter.h"

namespace gradus::nn {

// Uniform in +-1/sqrt(fan_in), zeros for no inputs: Kaiming uniform with a = sqrt(5).
Parameter start_uniform(const Shape& shape, std::int64_t fan_in, DType dtype, Generator* generator,
                        Location where);
Parameter start_constant(const Shape& shape, double value, DType dtype, Location where);

struct NamedSize {
  const char* name;
  std::int64_t value;
};
// Errors: ValueError for one below `least`; `layer` asks.
void check_sizes(const char* layer, std::initializer_list<NamedSize> sizes, Location where,
                 std::int64_t least = 0);

}  // namespace gradus::nn
