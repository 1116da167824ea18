// An array with strides for kernel tests: owns its elements, with guard bytes around them that must not
// change.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <numeric>
#include <random>
#include <vector>

#include "gradus/graph/view.h"

namespace gradus::kernels {

using Sizes = std::vector<std::int64_t>;

inline std::int64_t product(const Sizes& dims) {
  return std::accumulate(dims.begin(), dims.end(), std::int64_t{1}, std::multiplies<>());
}

template <class T>
class Array {
 public:
  // Contiguous.
  explicit Array(Sizes dims) : Array(dims, order_of(dims.size()), 1) {}

  // Dimension order[0] is the outermost in memory; the innermost has stride `step`.
  Array(Sizes dims, std::vector<int> order, std::int64_t step)
      : dims_(std::move(dims)), strides_(dims_.size()) {
    std::int64_t stride = step;
    for (std::size_t i = order.size(); i-- > 0;) {
      strides_[order[i]] = stride;
      stride *= dims_[order[i]];
    }
    contiguous_ = step == 1 && order == order_of(dims_.size());
    storage_.assign((static_cast<std::size_t>(stride) + 2 * kGuard) * sizeof(T), kFill);
  }

  ~Array() {
    for (std::size_t i = 0; i < kGuard * sizeof(T); ++i) {
      EXPECT_EQ(storage_[i], kFill) << "written before the array";
      EXPECT_EQ(storage_[storage_.size() - 1 - i], kFill) << "written behind the array";
    }
  }

  Array(const Array&) = delete;
  Array& operator=(const Array&) = delete;

  T* data() { return reinterpret_cast<T*>(storage_.data()) + kGuard; }
  const Sizes& dims() const { return dims_; }
  std::int64_t numel() const { return product(dims_); }

  View view() {
    return View{data(),
                dims_.data(),
                contiguous_ ? nullptr : strides_.data(),
                numel(),
                static_cast<std::uint8_t>(dims_.size()),
                dtype()};
  }

  // The element at a row-major position.
  T& at(std::int64_t position) {
    std::int64_t offset = 0;
    for (std::size_t i = dims_.size(); i-- > 0;) {
      offset += position % dims_[i] * strides_[i];
      position /= dims_[i];
    }
    return data()[offset];
  }

  std::vector<T> values() {
    std::vector<T> v;
    for (std::int64_t i = 0; i < numel(); ++i) v.push_back(at(i));
    return v;
  }

  Array& random(unsigned seed, double low = -2, double high = 2) {
    std::mt19937 generator(seed);
    std::uniform_real_distribution<double> uniform(low, high);
    for (std::int64_t i = 0; i < numel(); ++i) at(i) = static_cast<T>(uniform(generator));
    return *this;
  }

  template <class U>
  Array& copy_from(Array<U>& other) {
    for (std::int64_t i = 0; i < numel(); ++i) at(i) = static_cast<T>(other.at(i));
    return *this;
  }

  static std::vector<int> order_of(std::size_t rank) {
    std::vector<int> order(rank);
    std::iota(order.begin(), order.end(), 0);
    return order;
  }

 private:
  static constexpr std::size_t kGuard = 16;
  static constexpr unsigned char kFill = 0xA5;

  static constexpr DType dtype() { return dtype_of<T>; }

  Sizes dims_;
  Sizes strides_;
  bool contiguous_;
  std::vector<unsigned char> storage_;
};

template <class T>
bool same_bits(T a, T b) {
  return std::memcmp(&a, &b, sizeof(T)) == 0;
}

}  // namespace gradus::kernels
