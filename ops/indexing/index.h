// Python-like indexing: index(x, {Slice(1, None, 2), Ellipsis, NewAxis, 3, places, mask}) is x[1::2, ...,
// None, 3, places, mask]. Slices, numbers and new axes give views (a negative step a copy); lists of places
// and masks look elements up. The rules are NumPy's.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>

#include "gradus/graph/apply.h"
#include "gradus/ops/scalar.h"

namespace gradus {

// Left out in a Slice, a new axis elsewhere.
inline constexpr std::nullopt_t None = std::nullopt;

struct EllipsisType {};
// As many whole axes as are left over.
inline constexpr EllipsisType Ellipsis{};

struct NewAxisType {};
// An axis of size 1.
inline constexpr NewAxisType NewAxis{};

// start:end:step; what is left out is Python's default. Negative bounds count from the end, bounds outside
// are cut off.
struct Slice {
  Slice() = default;
  Slice(std::optional<std::int64_t> start, std::optional<std::int64_t> end,
        std::optional<std::int64_t> step = std::nullopt)
      : start(start), end(end), step(step) {}
  // Slice(n) is :n, as Python's slice(n).
  explicit Slice(std::optional<std::int64_t> end) : end(end) {}

  std::optional<std::int64_t> start, end, step;
};

// One item between the brackets.
class IndexItem {
 public:
  enum class Kind : std::uint8_t { number, slice, ellipsis, new_axis, tensor };

  template <class T>
  requires(std::is_integral_v<T> && !std::is_same_v<T, bool>)
      IndexItem(T i)  // NOLINT(google-explicit-constructor): index(x, {0, 1})
      : kind_(Kind::number), number_(static_cast<std::int64_t>(i)) {}
  IndexItem(Slice s) : kind_(Kind::slice), slice_(s) {}                // NOLINT(google-explicit-constructor)
  IndexItem(EllipsisType) : kind_(Kind::ellipsis) {}                   // NOLINT(google-explicit-constructor)
  IndexItem(NewAxisType) : kind_(Kind::new_axis) {}                    // NOLINT(google-explicit-constructor)
  IndexItem(std::nullopt_t) : kind_(Kind::new_axis) {}                 // NOLINT(google-explicit-constructor)
  IndexItem(Tensor t) : kind_(Kind::tensor), tensor_(std::move(t)) {}  // NOLINT(google-explicit-constructor)

  Kind kind() const { return kind_; }
  std::int64_t number() const { return number_; }
  const Slice& slice() const { return slice_; }
  const Tensor& tensor() const { return tensor_; }

 private:
  Kind kind_;
  std::int64_t number_ = 0;
  Slice slice_;
  Tensor tensor_;
};

// x[items]. A number picks a place of an axis and takes the axis away, negative ones count from the end. i64
// tensors of places broadcast together, and a bool mask over k axes stands for the k lists of its true
// places; their common shape takes the place of the axes they index, or goes to the front where they do not
// stand side by side. Where NumPy and PyTorch disagree (a number that a slice separates from a tensor) it is
// an error. Differentiable in x. Errors: ShapeError for too many items, a mask of another size, shapes that
// do not broadcast; DtypeError for a tensor of another dtype; ValueError for an index out of range, a step of
// 0, two ellipses. Items are counted from 0 in messages.
Tensor index(Operand x, std::span<const IndexItem> items);
inline Tensor index(Operand x, std::initializer_list<IndexItem> items) {
  return index(x, std::span(items.begin(), items.size()));
}

// x with x[items] = values, as a new tensor: values broadcast to the shape of x[items]. Of several values for
// one place the last stays; with accumulate they are added to x, all of them. Differentiable in x and values.
// Errors: as index(); ShapeError, DtypeError for values that do not fit.
Tensor index_put(Operand x, std::span<const IndexItem> items, Operand values, bool accumulate = false);
Tensor index_put(Operand x, std::span<const IndexItem> items, Scalar value, bool accumulate = false);
inline Tensor index_put(Operand x, std::initializer_list<IndexItem> items, Operand values,
                        bool accumulate = false) {
  return index_put(x, std::span(items.begin(), items.size()), values, accumulate);
}
inline Tensor index_put(Operand x, std::initializer_list<IndexItem> items, Scalar value,
                        bool accumulate = false) {
  return index_put(x, std::span(items.begin(), items.size()), value, accumulate);
}

}  // namespace gradus
