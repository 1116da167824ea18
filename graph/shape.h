// Shape: the sizes of a tensor's axes; Dims: a list of axes. Both are plain values of fixed size without heap
// memory, so that they can also be attributes of an op, byte for byte.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>

#include "gradus/graph/view.h"

namespace gradus {

namespace shape_internal {
[[noreturn]] void fail_rank(std::size_t rank);
}  // namespace shape_internal

// A list of up to 8 numbers; the common part of Shape and Dims.
class SmallList {
 public:
  constexpr SmallList() = default;
  SmallList(std::initializer_list<std::int64_t> v) : SmallList(std::span(v.begin(), v.size())) {}
  explicit SmallList(std::span<const std::int64_t> v) : size_(static_cast<std::int64_t>(v.size())) {
    if (v.size() > kMaxRank) shape_internal::fail_rank(v.size());
    for (std::size_t i = 0; i < v.size(); ++i) v_[i] = v[i];
  }

  int size() const { return static_cast<int>(size_); }
  bool empty() const { return size_ == 0; }
  std::int64_t operator[](int i) const { return v_[i]; }
  std::int64_t& operator[](int i) { return v_[i]; }
  const std::int64_t* data() const { return v_; }
  const std::int64_t* begin() const { return v_; }
  const std::int64_t* end() const { return v_ + size_; }
  void push_back(std::int64_t x) {
    if (size_ == kMaxRank) shape_internal::fail_rank(kMaxRank + 1);
    v_[size_++] = x;
  }
  void pop_back() { v_[--size_] = 0; }

  friend bool operator==(const SmallList& a, const SmallList& b) {
    if (a.size_ != b.size_) return false;
    for (int i = 0; i < a.size(); ++i) {
      if (a.v_[i] != b.v_[i]) return false;
    }
    return true;
  }

 private:
  std::int64_t size_ = 0;
  std::int64_t v_[kMaxRank] = {};
};

// Sizes, outermost first. A scalar has rank 0. More than 8 axes: ShapeError.
class Shape : public SmallList {
 public:
  using SmallList::SmallList;
  int rank() const { return size(); }
  // The number of elements; sizes are not negative and their product was checked when the tensor was made.
  std::int64_t numel() const {
    std::int64_t n = 1;
    for (std::int64_t d : *this) n *= d;
    return n;
  }
};

// Axes; negative ones count from the end. One axis converts by itself: sum(x, 0), sum(x, {0, -1}).
class Dims : public SmallList {
 public:
  using SmallList::SmallList;
  Dims(int dim) : SmallList({dim}) {}           // NOLINT(google-explicit-constructor): reads as torch does
  Dims(std::int64_t dim) : SmallList({dim}) {}  // NOLINT(google-explicit-constructor)
};

}  // namespace gradus
