// Tensors from nothing but numbers. Each has storage of its own and is a leaf. f32 unless an option or the
// C++ type says otherwise. Zero-copy over a user's memory: from_buffer() in graph/tensor.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <type_traits>
#include <vector>

#include "gradus/graph/tensor.h"
#include "gradus/ops/scalar.h"

namespace gradus {

struct TensorOptions {
  DType dtype = DType::f32;
  bool requires_grad = false;  // Errors: DtypeError for integer and bool dtypes
};

// Errors of all: ShapeError for a negative size.
Tensor zeros(const Shape& shape, TensorOptions options = {}, Location where = Location::current());
Tensor ones(const Shape& shape, TensorOptions options = {}, Location where = Location::current());
// Every element `value`. Errors: ValueError where an integer dtype cannot hold it.
Tensor full(const Shape& shape, Scalar value, TensorOptions options = {},
            Location where = Location::current());
// The same with the dtype alone: zeros({2, 3}, gd::DType::f64).
inline Tensor zeros(const Shape& shape, DType dtype, Location where = Location::current()) {
  return zeros(shape, TensorOptions{.dtype = dtype}, where);
}
inline Tensor ones(const Shape& shape, DType dtype, Location where = Location::current()) {
  return ones(shape, TensorOptions{.dtype = dtype}, where);
}
inline Tensor full(const Shape& shape, Scalar value, DType dtype, Location where = Location::current()) {
  return full(shape, value, TensorOptions{.dtype = dtype}, where);
}

// In the shape and dtype of x; without its history.
Tensor zeros_like(const Tensor& x, Location where = Location::current());
Tensor ones_like(const Tensor& x, Location where = Location::current());
Tensor full_like(const Tensor& x, Scalar value, Location where = Location::current());

// 0, 1, ... below `end`; or start, start + step, ... before `end`. i64 if all numbers are integers, otherwise
// f32. Errors: ValueError for a step of 0 or away from `end`, or a bound that is not finite.
Tensor arange(Scalar end, Location where = Location::current());
Tensor arange(Scalar start, Scalar end, Scalar step = 1, Location where = Location::current());
Tensor arange(Scalar start, Scalar end, Scalar step, DType dtype, Location where = Location::current());
// `steps` numbers from start to end, both included, equally far apart. Errors: ValueError for a negative
// count, DtypeError for an integer dtype.
Tensor linspace(double start, double end, std::int64_t steps, TensorOptions options = {},
                Location where = Location::current());
// Ones on the diagonal of [n, n] or [rows, cols].
Tensor eye(std::int64_t n, TensorOptions options = {}, Location where = Location::current());
Tensor eye(std::int64_t rows, std::int64_t cols, TensorOptions options = {},
           Location where = Location::current());

// A number or braces of braces of numbers, as tensor() takes them. It lives for the call only.
class NestedList {
 public:
  template <class T>
  requires std::is_arithmetic_v<T> NestedList(T value)  // NOLINT(google-explicit-constructor)
      : scalar_(value), items_{} {}
  NestedList(std::initializer_list<NestedList> items)  // NOLINT(google-explicit-constructor)
      : scalar_(0), items_(items), is_list_(true) {}

  bool is_list() const { return is_list_; }
  Scalar scalar() const { return scalar_; }
  std::span<const NestedList> items() const { return {items_.begin(), items_.size()}; }

 private:
  Scalar scalar_;
  std::initializer_list<NestedList> items_;
  bool is_list_ = false;
};

// tensor({{1, 2}, {3, 4}}) is [2, 2] f32; tensor(2.5) is a scalar; tensor({1, 2}, {.dtype = gd::DType::i64}).
// Errors: ShapeError for lists of unequal lengths, ValueError where an integer dtype cannot hold a number.
Tensor tensor(const NestedList& values, TensorOptions options = {}, Location where = Location::current());
inline Tensor tensor(const NestedList& values, DType dtype, Location where = Location::current()) {
  return tensor(values, TensorOptions{.dtype = dtype}, where);
}
// The same in the dtype of a C++ type: tensor<double>({1, 2}).
template <class T>
Tensor tensor(const NestedList& values, Location where = Location::current()) {
  return tensor(values, TensorOptions{.dtype = dtype_of<T>}, where);
}

namespace creation_internal {
Tensor copy_of(const void* data, std::size_t count, DType dtype, const Shape* shape, Location where);
}  // namespace creation_internal

// A copy of the numbers in the dtype of their C++ type, one axis or row-major in `shape`. Errors: ShapeError
// where the shape has another number of elements.
template <class T, std::size_t N>
Tensor tensor(std::span<T, N> values, Location where = Location::current()) {
  return creation_internal::copy_of(values.data(), values.size(), dtype_of<std::remove_const_t<T>>, nullptr,
                                    where);
}
template <class T, std::size_t N>
Tensor tensor(std::span<T, N> values, const Shape& shape, Location where = Location::current()) {
  return creation_internal::copy_of(values.data(), values.size(), dtype_of<std::remove_const_t<T>>, &shape,
                                    where);
}
// The allocator is deduced, so that the braces in tensor<double>({1, 2}) never count as a vector.
template <class T, class Allocator>
Tensor tensor(const std::vector<T, Allocator>& values, Location where = Location::current()) {
  return tensor(std::span<const T>(values), where);
}
template <class T, class Allocator>
Tensor tensor(const std::vector<T, Allocator>& values, const Shape& shape,
              Location where = Location::current()) {
  return tensor(std::span<const T>(values), shape, where);
}

}  // namespace gradus
