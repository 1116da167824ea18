// Datasets and ranges of C++20, one as the other: the samples of a dataset as a range, and a range as a
// dataset.
#pragma once

#include <compare>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <ranges>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "gradus/data/collate.h"
#include "gradus/data/dataset.h"

namespace gradus::data {

// The samples of a dataset, as sample_of() makes them: a view with random access and a size. A sample is made
// each time that an iterator is read; iterators are valid as long as one copy of the view is. Errors: what
// the dataset throws.
template <Dataset D>
class Samples : public std::ranges::view_base {
 public:
  class Iterator {
   public:
    using iterator_concept = std::random_access_iterator_tag;
    using iterator_category = std::input_iterator_tag;  // of C++17, which wants references for more
    using value_type = SampleOf<D>;
    using difference_type = std::ptrdiff_t;

    Iterator() = default;
    value_type operator*() const { return (*this)[0]; }
    value_type operator[](difference_type n) const {
      const std::int64_t index = at_ + n;
      return sample_of(data_->batch(std::span(&index, 1)));
    }
    Iterator& operator++() { return *this += 1; }
    Iterator& operator--() { return *this -= 1; }
    Iterator operator++(int) { return std::exchange(*this, *this + 1); }
    Iterator operator--(int) { return std::exchange(*this, *this - 1); }
    Iterator& operator+=(difference_type n) {
      at_ += n;
      return *this;
    }
    Iterator& operator-=(difference_type n) { return *this += -n; }
    friend Iterator operator+(Iterator i, difference_type n) { return i += n; }
    friend Iterator operator+(difference_type n, Iterator i) { return i += n; }
    friend Iterator operator-(Iterator i, difference_type n) { return i -= n; }
    friend difference_type operator-(const Iterator& a, const Iterator& b) { return a.at_ - b.at_; }
    friend bool operator==(const Iterator& a, const Iterator& b) { return a.at_ == b.at_; }
    friend auto operator<=>(const Iterator& a, const Iterator& b) { return a.at_ <=> b.at_; }

   private:
    friend class Samples;
    Iterator(const D* data, difference_type at) : data_(data), at_(at) {}
    const D* data_ = nullptr;
    difference_type at_ = 0;
  };

  explicit Samples(D data) : data_(std::make_shared<const D>(std::move(data))) {}
  Iterator begin() const { return {data_.get(), 0}; }
  Iterator end() const { return {data_.get(), static_cast<std::ptrdiff_t>(data_->size())}; }
  std::size_t size() const { return static_cast<std::size_t>(data_->size()); }
  bool empty() const { return size() == 0; }
  auto operator[](std::ptrdiff_t i) const { return begin()[i]; }

 private:
  std::shared_ptr<const D> data_;
};

// for (const auto [x, y] : samples(dataset)) ...
template <Dataset D>
Samples<D> samples(D data) {
  return Samples<D>(std::move(data));
}

// The dataset whose sample i is element i of a range; collate() makes batches of them. Copies share the
// range.
template <std::ranges::random_access_range R>
requires std::ranges::sized_range<const R>
class RangeDataset {
 public:
  explicit RangeDataset(R range) : range_(std::make_shared<const R>(std::move(range))) {}
  std::int64_t size() const { return static_cast<std::int64_t>(std::ranges::size(*range_)); }
  // Errors: ValueError for an index out of range, and those of collate().
  auto batch(std::span<const std::int64_t> indices) const {
    dataset_internal::check_indices(indices, size(), "from_range", {});
    return collate_internal::collate_made(
        indices, [&](std::int64_t i) -> std::ranges::range_value_t<const R> {
          return std::ranges::begin(*range_)[static_cast<std::ranges::range_difference_t<const R>>(i)];
        });
  }

 private:
  std::shared_ptr<const R> range_;
};

// A range as a dataset. One with random access, a size and elements that can be read while it is const is
// kept (a container as a copy, a view with what it refers to) and read when a batch asks for it, on several
// threads where a loader has workers. The elements of any other are taken at once.
template <std::ranges::input_range R>
auto from_range(R&& range) {
  using Range = std::remove_cvref_t<R>;
  if constexpr (std::ranges::random_access_range<const Range> && std::ranges::sized_range<const Range>) {
    return RangeDataset<Range>(std::forward<R>(range));
  } else {
    static_assert(!std::same_as<std::ranges::sentinel_t<R>, std::unreachable_sentinel_t>,
                  "the range has no end: put std::views::take behind it");
    std::vector<std::ranges::range_value_t<R>> all;
    for (auto&& x : range) all.emplace_back(std::forward<decltype(x)>(x));
    return RangeDataset<decltype(all)>(std::move(all));
  }
}

}  // namespace gradus::data
