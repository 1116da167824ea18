#include "gradus/nn/start.h"

#include <cmath>

#include "gradus/base/format.h"
#include "gradus/nn/init.h"

namespace gradus::nn {

Parameter start_uniform(const Shape& shape, std::int64_t fan_in, DType dtype, Generator* generator,
                        Location where) {
  const double bound = fan_in > 0 ? 1.0 / std::sqrt(static_cast<double>(fan_in)) : 0.0;
  return {init::uniform_(empty(shape, dtype, where), -bound, bound, generator, where), where};
}

Parameter start_constant(const Shape& shape, double value, DType dtype, Location where) {
  return {init::constant_(empty(shape, dtype, where), value, where), where};
}

void check_sizes(const char* layer, std::initializer_list<NamedSize> sizes, Location where,
                 std::int64_t least) {
  for (const auto& [name, value] : sizes) {
    if (value >= least) continue;
    throw_error<ValueError>(where, layer, "{} is {}; it must be {} at least", name, value, least);
  }
}

}  // namespace gradus::nn
