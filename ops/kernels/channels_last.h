// Strides of images that lie channels-last: [N, C, H, W] with those of a contiguous [N, H, W, C].
#pragma once

#include <cstdint>

namespace gradus::kernels {

// Products of sizes on the way to a result that is refused where it is too large: they wrap around and do no
// harm.
inline std::int64_t wrapping_product(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) * static_cast<std::uint64_t>(b));
}

// The axis `channel` is the innermost one, then come those behind it, then those in front.
inline void channels_last_strides(const std::int64_t* dims, int rank, int channel, std::int64_t* strides) {
  std::int64_t step = dims[channel];
  strides[channel] = 1;
  const auto outer_to = [&](int begin, int end) {
    for (int i = end - 1; i >= begin; --i) {
      strides[i] = step;
      step = wrapping_product(step, dims[i]);
    }
  };
  outer_to(channel + 1, rank);
  outer_to(0, channel);
}

}  // namespace gradus::kernels
