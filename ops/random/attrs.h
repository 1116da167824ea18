// Attributes of the random ops: where in which sequence their numbers are. Internal to ops/ and to tests.
#pragma once

#include <cstdint>

#include "gradus/base/random.h"

namespace gradus {

struct BernoulliAttrs {
  std::uint64_t seed, counter;
};
struct DropoutAttrs {
  double p;
  std::uint64_t seed, counter;
};

inline RandomStream reserve_from(Generator* generator, std::uint64_t blocks) {
  return generator != nullptr ? generator->reserve(blocks) : reserve_random(blocks);
}

}  // namespace gradus
