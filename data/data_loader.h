// DataLoader: batches of a dataset, epoch by epoch:
//   data::DataLoader loader(data::TensorDataset({images, labels}), {.batch_size = 64, .shuffle = true});
//   for (auto [x, y] : loader) ...
// Each loop is one epoch. With shuffle, every epoch has an order of its own that depends on seed and epoch
// only. Batches are the same, in the same order, with any number of workers. A loader may be used by one
// thread at a time; loops over it may be left at any time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "gradus/base/location.h"
#include "gradus/data/prefetch.h"
#include "gradus/data/sample_random.h"
#include "gradus/data/sampler.h"
#include "gradus/graph/named_tensor.h"

namespace gradus::data {

struct DataLoaderOptions {
  std::int64_t batch_size = 1;
  bool shuffle = false;
  std::optional<std::uint64_t> seed = {};  // of the order; without one, drawn from the default generator
  bool drop_last = false;                  // leave out a last batch that is not full
  // Batches made ahead by each worker, or without workers by one thread. 0: two each, and without workers
  // each is made when it is asked for, which is best where making one is only a copy.
  std::int64_t prefetch = 0;
  // Threads that make batches, several at once. 0: none but the one that prefetch asks for. The dataset is
  // copied for each epoch and read by all of them.
  std::int64_t workers = 0;
  // An order of its own; excludes shuffle.
  std::shared_ptr<const Sampler> sampler = {};
};

namespace data_loader_internal {
// Errors: ValueError.
void check(const DataLoaderOptions& options, Location where);
std::uint64_t draw_seed();

// Threads and slots for the batches that are left.
struct Workers {
  std::int64_t threads = 0;
  std::int64_t slots = 0;
};
Workers workers_for(const DataLoaderOptions& options, std::int64_t batches);

// Where a loader stands.
struct Position {
  std::uint64_t epoch = 0;
  std::int64_t batch = 0;  // the next one
  std::uint64_t seed = 0;
};
NamedTensors save(const Position& position, std::int64_t samples, std::int64_t batch_size);
// Errors: ValueError, ShapeError, DtypeError.
Position load(const NamedTensors& state, std::int64_t samples, std::int64_t batch_size, std::int64_t batches,
              Location where);
}  // namespace data_loader_internal

template <class Dataset>
class DataLoader {
 public:
  using Batch = decltype(std::declval<const Dataset&>().batch(std::span<const std::int64_t>()));

  // Errors: ValueError for a batch size below 1, a negative prefetch or number of workers, or a sampler with
  // shuffle.
  explicit DataLoader(Dataset dataset, const DataLoaderOptions& options = {},
                      Location where = Location::current())
      : dataset_(std::move(dataset)), options_(options) {
    data_loader_internal::check(options_, where);
    const bool random = options_.shuffle || options_.sampler != nullptr || TakesRandom<Dataset>;
    if (random && !options_.seed.has_value()) options_.seed = data_loader_internal::draw_seed();
  }

  const Dataset& dataset() const { return dataset_; }
  // Batches an epoch.
  std::int64_t size() const {
    const std::int64_t n = samples();
    return options_.drop_last ? n / options_.batch_size
                              : n / options_.batch_size + (n % options_.batch_size != 0);
  }
  // The number of the epoch that the next loop is; set it to go on where a run stopped.
  std::uint64_t epoch() const { return epoch_; }
  void set_epoch(std::uint64_t epoch) {
    epoch_ = epoch;
    first_ = 0;
    taken_ = nullptr;
  }

  // The place behind the last batch that was handed out, to be kept with a model in training: within a loop
  // the batch that comes next, behind one the next epoch. `epoch`, `batch`, `seed`, `samples` and
  // `batch_size`.
  NamedTensors state() const {
    const bool within = taken_ != nullptr && *taken_ < size();
    return data_loader_internal::save(
        {within ? epoch_ - 1 : epoch_, within ? *taken_ : first_, options_.seed.value_or(0)}, samples(),
        options_.batch_size);
  }
  // The next loop goes on there, with the batches that are left of its epoch. Errors, with nothing changed:
  // ValueError (a name missing or unknown, another number of samples or batch size than here, a batch that is
  // not there), ShapeError, DtypeError.
  void load_state(const NamedTensors& state, Location where = Location::current()) {
    const data_loader_internal::Position p =
        data_loader_internal::load(state, samples(), options_.batch_size, size(), where);
    set_epoch(p.epoch);
    first_ = p.batch;
    if (options_.seed.has_value()) options_.seed = p.seed;
  }

 private:
  // One epoch: the order, and batches made so far. Copies the dataset, so that a loop outlives its loader's
  // move and the threads share nothing with the caller.
  struct Epoch {
    Dataset dataset;
    std::vector<std::int64_t> indices;
    std::int64_t batch_size;
    std::int64_t count;
    std::int64_t next;
    std::shared_ptr<std::int64_t> taken;  // batches handed out; the loader reads it
    SampleRandom random;
    std::vector<std::optional<Batch>> slots;
    std::unique_ptr<PrefetchThreads> threads;  // last: end before what they use

    Batch make(std::int64_t i) const {
      const std::span<const std::int64_t> all(indices);
      const auto begin = static_cast<std::size_t>(i * batch_size);
      const auto full = static_cast<std::size_t>(batch_size), left = all.size() - begin;
      const auto size = left < full ? left : full;
      if constexpr (TakesRandom<Dataset>) {
        return dataset.batch(all.subspan(begin, size), random);
      } else {
        return dataset.batch(all.subspan(begin, size));
      }
    }
    Batch take() {
      if (threads == nullptr) {
        Batch batch = make(next++);
        *taken = next;
        return batch;
      }
      std::optional<Batch>& slot = slots[static_cast<std::size_t>(threads->wait())];
      Batch batch = std::move(*slot);
      slot.reset();
      threads->done();
      *taken = ++next;
      return batch;
    }
  };

 public:
  struct End {};
  // An input iterator of C++20, so that a loader is a range.
  class Iterator {
   public:
    using value_type = Batch;
    using difference_type = std::ptrdiff_t;

    // Makes or waits for the batch; once for each step of the iterator. Errors: what the dataset throws.
    Batch operator*() const { return epoch_->take(); }
    Iterator& operator++() { return *this; }
    void operator++(int) {}
    bool operator==(End) const { return epoch_->next >= epoch_->count; }

   private:
    friend class DataLoader;
    explicit Iterator(std::unique_ptr<Epoch> epoch) : epoch_(std::move(epoch)) {}
    std::unique_ptr<Epoch> epoch_;
  };

  // Starts an epoch.
  Iterator begin() {
    taken_ = std::make_shared<std::int64_t>(first_);
    auto e = std::make_unique<Epoch>(Epoch{dataset_,
                                           indices(),
                                           options_.batch_size,
                                           size(),
                                           first_,
                                           taken_,
                                           {options_.seed.value_or(0), epoch_},
                                           {},
                                           nullptr});
    const std::int64_t left = e->count - first_;
    const data_loader_internal::Workers workers = data_loader_internal::workers_for(options_, left);
    if (workers.threads > 0) {
      e->slots.resize(static_cast<std::size_t>(workers.slots));
      e->threads = std::make_unique<PrefetchThreads>(
          left, workers.threads, workers.slots,
          [epoch = e.get(), first = first_](std::int64_t item, std::int64_t slot) {
            epoch->slots[static_cast<std::size_t>(slot)].emplace(epoch->make(first + item));
          });
    }
    ++epoch_;
    first_ = 0;
    return Iterator(std::move(e));
  }
  End end() const { return {}; }

 private:
  std::int64_t samples() const { return options_.sampler ? options_.sampler->size() : dataset_.size(); }
  std::vector<std::int64_t> indices() const {
    if (options_.sampler) return options_.sampler->indices(*options_.seed, epoch_);
    return options_.shuffle ? shuffled_indices(samples(), *options_.seed, epoch_)
                            : ordered_indices(samples());
  }

  Dataset dataset_;
  DataLoaderOptions options_;
  std::uint64_t epoch_ = 0;
  std::int64_t first_ = 0;               // batch of the next loop
  std::shared_ptr<std::int64_t> taken_;  // of the loop begun last
};

template <class Dataset>
DataLoader(Dataset) -> DataLoader<Dataset>;
template <class Dataset>
DataLoader(Dataset, const DataLoaderOptions&) -> DataLoader<Dataset>;

}  // namespace gradus::data
