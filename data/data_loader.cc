#include "gradus/data/data_loader.h"

#include <algorithm>

#include "gradus/base/format.h"
#include "gradus/base/random.h"
#include "gradus/graph/state_entries.h"

namespace gradus::data::data_loader_internal {

void check(const DataLoaderOptions& o, Location where) {
  if (o.batch_size < 1) {
    throw_error<ValueError>(where, "DataLoader", "batch_size is {}; it must be at least 1", o.batch_size);
  }
  if (o.prefetch < 0) {
    throw_error<ValueError>(where, "DataLoader", "prefetch is {}; it is a number of batches, or 0",
                            o.prefetch);
  }
  if (o.workers < 0) {
    throw_error<ValueError>(where, "DataLoader", "workers is {}; it is a number of threads, or 0", o.workers);
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

Workers workers_for(const DataLoaderOptions& o, std::int64_t batches) {
  if (batches == 0 || (o.workers == 0 && o.prefetch == 0)) return {};
  constexpr std::int64_t kAheadOfWorkers = 2;  // one to take while the next is made; PyTorch's default, too
  const std::int64_t threads = std::clamp(o.workers, std::int64_t{1}, batches);
  const std::int64_t each = o.prefetch == 0 ? kAheadOfWorkers : o.prefetch;
  return {threads, each > batches / threads ? batches : threads * each};
}

NamedTensors save(const Position& p, std::int64_t samples, std::int64_t batch_size) {
  return {{"epoch", state_scalar(p.epoch)},
          {"batch", state_scalar(static_cast<std::uint64_t>(p.batch))},
          {"seed", state_scalar(p.seed)},
          {"samples", state_scalar(static_cast<std::uint64_t>(samples))},
          {"batch_size", state_scalar(static_cast<std::uint64_t>(batch_size))}};
}

Position load(const NamedTensors& state, std::int64_t samples, std::int64_t batch_size, std::int64_t batches,
              Location where) {
  constexpr const char* kOp = "DataLoader::load_state";
  StateEntries entries(state, kOp, where);
  const auto epoch = entries.number<std::uint64_t>("epoch"), batch = entries.number<std::uint64_t>("batch"),
             seed = entries.number<std::uint64_t>("seed"),
             its_samples = entries.number<std::uint64_t>("samples"),
             its_size = entries.number<std::uint64_t>("batch_size");
  entries.refuse_rest();
  if (its_samples != static_cast<std::uint64_t>(samples) ||
      its_size != static_cast<std::uint64_t>(batch_size)) {
    throw_error<ValueError>(
        where, kOp, "the state is one of {} samples in batches of {}; this loader has {} in batches of {}",
        its_samples, its_size, samples, batch_size);
  }
  if (batch > 0 && batch >= static_cast<std::uint64_t>(batches)) {
    throw_error<ValueError>(where, kOp, "batch {} is not there; an epoch has {}", batch, batches);
  }
  return {epoch, static_cast<std::int64_t>(batch), seed};
}

}  // namespace gradus::data::data_loader_internal
