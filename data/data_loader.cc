#include "gradus/data/data_loader.h"

#include "gradus/base/format.h"
#include "gradus/base/random.h"

namespace gradus::data::data_loader_internal {

void check(const DataLoaderOptions& o, Location where) {
  if (o.batch_size < 1) {
    throw_error<ValueError>(where, "DataLoader", "batch_size is {}; it must be at least 1", o.batch_size);
  }
  if (o.prefetch < 0) {
    throw_error<ValueError>(where, "DataLoader", "prefetch is {}; it is a number of batches, or 0",
                            o.prefetch);
  }
  if (o.shuffle && o.sampler != nullptr) {
    throw_error<ValueError>(where, "DataLoader",
                            "both shuffle and a sampler are given; a sampler is the order");
  }
}

std::uint64_t draw_seed() {
  const auto block = random_block(reserve_random(1), 0);
  return std::uint64_t{block[1]} << 32 | block[0];
}

}  // namespace gradus::data::data_loader_internal
