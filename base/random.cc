// The default generator, and what is drawn number by number. The fill functions are in random_fill.cc.
#include "gradus/base/random.h"

#include <mutex>

#include "gradus/base/generator_scope.h"

namespace gradus {
namespace {

std::mutex default_mutex;
constinit Generator default_state{};
thread_local constinit Generator* own = nullptr;  // of the thread's innermost GeneratorScope

// f(generator that the calling thread draws from)
auto with_generator(auto f) {
  if (own != nullptr) return f(*own);
  const std::lock_guard lock(default_mutex);
  return f(default_state);
}

}  // namespace

GeneratorScope::GeneratorScope(Generator generator) : generator_(generator), before_(own) {
  own = &generator_;
}
GeneratorScope::~GeneratorScope() { own = before_; }

void manual_seed(std::uint64_t seed) { set_default_generator({.seed = seed, .counter = 0}); }

RandomStream reserve_random(std::uint64_t blocks) {
  return with_generator([blocks](Generator& g) { return g.reserve(blocks); });
}

Generator default_generator() {
  return with_generator([](const Generator& g) { return g; });
}

void set_default_generator(Generator generator) {
  with_generator([&generator](Generator& g) { g = generator; });
}

std::uint64_t random_below(RandomStream stream, std::uint64_t index, std::uint64_t bound) {
  __extension__ using Wide = unsigned __int128;
  // x * bound / 2^64 is uniform once the products whose low half is under 2^64 mod bound are thrown away.
  const std::uint64_t uneven = bound == 0 ? 0 : -bound % bound;
  for (std::uint32_t attempt = 0;; ++attempt) {
    const auto block = random_block(stream, index, attempt);
    for (int half = 0; half < 2; ++half) {
      const std::uint64_t x = std::uint64_t{block[2 * half + 1]} << 32 | block[2 * half];
      if (bound == 0) return x;
      const Wide product = Wide{x} * bound;
      if (static_cast<std::uint64_t>(product) >= uneven) return static_cast<std::uint64_t>(product >> 64);
    }
  }
}

}  // namespace gradus
