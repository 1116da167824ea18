#include "gradus/data/sample_random.h"

#include <array>

namespace gradus::data {
namespace {

// The last word keeps these blocks apart from those of random_block(), which has 0 there.
std::uint64_t mix(std::uint64_t key, std::uint64_t a, std::uint32_t b) {
  const std::array<std::uint32_t, 4> block =
      philox4x32({static_cast<std::uint32_t>(a), static_cast<std::uint32_t>(a >> 32), b, 0xFFFF'FFFF},
                 {static_cast<std::uint32_t>(key), static_cast<std::uint32_t>(key >> 32)});
  return std::uint64_t{block[1]} << 32 | block[0];
}

}  // namespace

Generator SampleRandom::generator(std::int64_t index) const {
  return {mix(mix(seed, epoch, level), static_cast<std::uint64_t>(index), 0), 0};
}

}  // namespace gradus::data
