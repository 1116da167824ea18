// Products of sizes on the way to a result that is refused where it is too large: they wrap around and do no
// harm.
#pragma once

#include <cstdint>

namespace gradus::kernels {

inline std::int64_t wrapping_product(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) * static_cast<std::uint64_t>(b));
}

}  // namespace gradus::kernels
