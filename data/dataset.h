// Datasets made of others: some of the samples, and samples or batches that a function changes. All are
// datasets again, for a DataLoader or for each other: map(take(data, 1000), scale). gradus/data/views.h has
// them to be piped.
#pragma once

#include <concepts>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "gradus/base/location.h"
#include "gradus/data/collate.h"
#include "gradus/data/sample_random.h"
#include "gradus/data/sampler.h"

namespace gradus::data {

template <class D>
concept Dataset = std::copyable<D> && requires(const D& d, std::span<const std::int64_t> indices) {
  { d.size() } -> std::convertible_to<std::int64_t>;
  d.batch(indices);
};

namespace dataset_internal {
// Errors: ValueError for an index outside [0, n).
void check_indices(std::span<const std::int64_t> indices, std::int64_t n, const char* what, Location where);
// The first of count indices, for each share of the whole; shares.size() + 1 of them. Errors: ValueError.
std::vector<std::int64_t> split_bounds(std::int64_t n, std::span<const double> shares, Location where);
std::vector<std::int64_t> first_indices(std::int64_t n, std::int64_t count, Location where);
}  // namespace dataset_internal

// Some samples of a dataset, in the order of `indices`; one may be there several times.
template <Dataset D>
class Subset {
 public:
  // Errors: ValueError for an index out of range.
  Subset(D data, std::vector<std::int64_t> indices, Location where = Location::current())
      : data_(std::move(data)), indices_(std::move(indices)) {
    dataset_internal::check_indices(indices_, data_.size(), "Subset", where);
  }
  std::int64_t size() const { return static_cast<std::int64_t>(indices_.size()); }
  auto batch(std::span<const std::int64_t> indices) const { return data_.batch(inner(indices)); }
  auto batch(std::span<const std::int64_t> indices,
             const SampleRandom& random) const requires TakesRandom<D> {
    return data_.batch(inner(indices), random);
  }
  const std::vector<std::int64_t>& indices() const { return indices_; }

 private:
  std::vector<std::int64_t> inner(std::span<const std::int64_t> indices) const {
    dataset_internal::check_indices(indices, size(), "Subset", {});
    std::vector<std::int64_t> out;
    out.reserve(indices.size());
    for (const std::int64_t i : indices) out.push_back(indices_[static_cast<std::size_t>(i)]);
    return out;
  }

  D data_;
  std::vector<std::int64_t> indices_;
};

// The batches of a dataset as `f` returns them. A loader with workers calls f on several threads at once.
template <Dataset D, std::copyable F>
class Mapped {
 public:
  Mapped(D data, F f) : data_(std::move(data)), f_(std::move(f)) {}
  std::int64_t size() const { return data_.size(); }
  auto batch(std::span<const std::int64_t> indices) const { return f_(data_.batch(indices)); }
  auto batch(std::span<const std::int64_t> indices,
             const SampleRandom& random) const requires TakesRandom<D> {
    return f_(data_.batch(indices, random));
  }

 private:
  D data_;
  F f_;
};

template <Dataset D, std::copyable F>
Mapped<D, F> map(D data, F f) {
  return {std::move(data), std::move(f)};
}

// What one sample of a dataset is: a batch of one without its first axis, see sample_of().
template <class D>
using SampleOf = decltype(sample_of(std::declval<const D&>().batch(std::span<const std::int64_t>())));

// The samples of a dataset as `f` returns them, made batches again by collate(): f(sample), or f(sample,
// generator) with a generator for this sample of this epoch, for augmentation:
//   map_samples(data, [](const std::array<Tensor, 2>& s, Generator& g) { ... uniform({}, 0, 1, {.generator =
//   &g}) })
// The default generator of random numbers must not be used in f where a loader has threads: they take from it
// in any order.
template <Dataset D, std::copyable F>
class MappedSamples {
 public:
  static constexpr bool kDraws = std::invocable<const F&, SampleOf<D>, Generator&>;

  MappedSamples(D data, F f) : data_(std::move(data)), f_(std::move(f)) {}
  std::int64_t size() const { return data_.size(); }
  auto batch(std::span<const std::int64_t> indices) const { return batch_of(indices, SampleRandom{}); }
  auto batch(std::span<const std::int64_t> indices, const SampleRandom& random) const
      requires(kDraws || TakesRandom<D>) {
    return batch_of(indices, random);
  }

 private:
  auto one(std::int64_t index, const SampleRandom& random) const {
    const std::span<const std::int64_t> indices(&index, 1);
    auto sample = [&] {
      if constexpr (TakesRandom<D>) {
        return sample_of(data_.batch(indices, kDraws ? random.inner() : random));
      } else {
        return sample_of(data_.batch(indices));
      }
    }();
    if constexpr (kDraws) {
      Generator generator = random.generator(index);
      return f_(std::move(sample), generator);
    } else {
      return f_(std::move(sample));
    }
  }
  auto batch_of(std::span<const std::int64_t> indices, const SampleRandom& random) const {
    return collate_internal::collate_made(indices, [&](std::int64_t i) { return one(i, random); });
  }

  D data_;
  F f_;
};

template <Dataset D, std::copyable F>
MappedSamples<D, F> map_samples(D data, F f) {
  return {std::move(data), std::move(f)};
}

// The first `count` samples. Errors: ValueError for more than there are.
template <Dataset D>
Subset<D> take(D data, std::int64_t count, Location where = Location::current()) {
  std::vector<std::int64_t> indices = dataset_internal::first_indices(data.size(), count, where);
  return {std::move(data), std::move(indices), where};
}

// All samples in a random order that depends on the seed only; a DataLoader with shuffle has another one each
// epoch.
template <Dataset D>
Subset<D> shuffle(D data, std::uint64_t seed, Location where = Location::current()) {
  std::vector<std::int64_t> indices = shuffled_indices(data.size(), seed, /*epoch=*/0);
  return {std::move(data), std::move(indices), where};
}

// The samples for which keep(index) is true.
template <Dataset D, std::predicate<std::int64_t> F>
Subset<D> filter(D data, F keep, Location where = Location::current()) {
  std::vector<std::int64_t> indices;
  for (std::int64_t i = 0; i < data.size(); ++i) {
    if (keep(i)) indices.push_back(i);
  }
  return {std::move(data), std::move(indices), where};
}

// Disjoint random parts: random_split(data, {0.8, 0.2}, seed). Every sample is in one part where the shares
// sum to 1. Errors: ValueError for a negative share or a sum above 1.
template <Dataset D>
std::vector<Subset<D>> random_split(const D& data, const std::vector<double>& shares, std::uint64_t seed,
                                    Location where = Location::current()) {
  const std::vector<std::int64_t> bounds = dataset_internal::split_bounds(data.size(), shares, where);
  const std::vector<std::int64_t> order = shuffled_indices(data.size(), seed, /*epoch=*/0);
  std::vector<Subset<D>> parts;
  for (std::size_t i = 0; i + 1 < bounds.size(); ++i) {
    parts.emplace_back(
        data, std::vector<std::int64_t>(order.begin() + bounds[i], order.begin() + bounds[i + 1]), where);
  }
  return parts;
}

}  // namespace gradus::data
