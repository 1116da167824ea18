// The functions of dataset.h to be piped:
//   for (auto [x, y] : dataset | views::filter(keep) | views::shuffle(7) | views::batch(32)) ...
// Each is the function of its name there with the dataset left out. They can be put together before there is
// a dataset: auto prepare = views::take(1000) | views::map(scale).
#pragma once

#include <concepts>
#include <cstdint>
#include <utility>

#include "gradus/data/data_loader.h"
#include "gradus/data/dataset.h"
#include "gradus/data/samples.h"

namespace gradus::data::views {

// What stands behind a '|': a function of a dataset.
template <class F>
struct Adaptor {
  F make;

  template <Dataset D>
  auto operator()(D data) const {
    return make(std::move(data));
  }
};
template <class F>
Adaptor(F) -> Adaptor<F>;

template <Dataset D, class F>
auto operator|(D data, const Adaptor<F>& adaptor) {
  return adaptor(std::move(data));
}
template <class F, class G>
auto operator|(Adaptor<F> first, Adaptor<G> second) {
  return Adaptor{[first = std::move(first), second = std::move(second)](auto data) {
    return second(first(std::move(data)));
  }};
}

template <std::copyable F>
auto map(F f) {
  return Adaptor{[f = std::move(f)](auto data) { return data::map(std::move(data), f); }};
}
template <std::copyable F>
auto map_samples(F f) {
  return Adaptor{[f = std::move(f)](auto data) { return data::map_samples(std::move(data), f); }};
}
template <std::predicate<std::int64_t> F>
auto filter(F keep, Location where = Location::current()) {
  return Adaptor{
      [keep = std::move(keep), where](auto data) { return data::filter(std::move(data), keep, where); }};
}
inline auto take(std::int64_t count, Location where = Location::current()) {
  return Adaptor{[=](auto data) { return data::take(std::move(data), count, where); }};
}
// One order for all epochs; views::batch with .shuffle has another one each.
inline auto shuffle(std::uint64_t seed, Location where = Location::current()) {
  return Adaptor{[=](auto data) { return data::shuffle(std::move(data), seed, where); }};
}
// A DataLoader, which ends the pipe; it is a range itself.
inline auto batch(const DataLoaderOptions& options, Location where = Location::current()) {
  return Adaptor{[=](auto data) { return DataLoader(std::move(data), options, where); }};
}
inline auto batch(std::int64_t size, Location where = Location::current()) {
  return batch(DataLoaderOptions{.batch_size = size}, where);
}
// The samples as a range, which ends the pipe too; std::views may follow.
inline constexpr Adaptor samples{[](auto data) { return data::samples(std::move(data)); }};

}  // namespace gradus::data::views
