// Attributes of one_hot. Internal to ops/ and its tests.
#pragma once

#include <cstdint>

namespace gradus {

struct OneHotAttrs {
  std::int64_t classes;
};

}  // namespace gradus
