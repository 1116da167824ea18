// Tensor: a handle to an array that may be part of a recorded graph. One pointer; copying shares. The ops on
// tensors are free functions, declared in ops/. A handle may be used by one thread at a time; several threads
// may hold handles to the same tensor as long as none changes it.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gradus/base/error.h"
#include "gradus/base/location.h"
#include "gradus/base/ref.h"
#include "gradus/base/unique_function.h"
#include "gradus/graph/dtype.h"
#include "gradus/graph/shape.h"
#include "gradus/graph/storage.h"
#include "gradus/graph/view.h"

namespace gradus {

class Tensor;
struct Node;
struct OpDef;

// A function that sees a gradient when it is complete and may return another one in its place; an undefined
// Tensor keeps it. The replacement must have the same shape and dtype.
using GradHook = UniqueFunction<Tensor(const Tensor& grad)>;

// The rare parts of a tensor: its gradient and its hooks. Shared with the node of an interior tensor.
struct Extras;
void destroy(Extras* e);

// The header behind a handle: 128 bytes, in one block with storage and data where those are small.
struct alignas(64) TensorImpl {
  RefCount refs;
  DType dtype;
  std::uint8_t rank;
  bool leaf_requires_grad;
  bool owns_storage_block;  // header, storage and data are one block, owned by the storage's count
  union {
    std::int64_t inline_dims[6];
    std::int64_t* spilled_dims;  // rank 7 and 8
  };
  std::int64_t* strides;  // in elements; nullptr: contiguous
  void* data;             // first element
  Storage* storage;
  std::int64_t numel;
  Node* node;  // what recorded it; nullptr for leaves and constants
  std::uint32_t output;
  std::atomic<std::uint32_t> walk_hint;  // where a backward walk last kept this leaf's gradient
  Extras* extras;
  char* name;  // nullptr or zero-terminated

  const std::int64_t* dims() const { return rank <= 6 ? inline_dims : spilled_dims; }
  std::int64_t* dims() { return rank <= 6 ? inline_dims : spilled_dims; }
  bool tracked() const { return node != nullptr || leaf_requires_grad; }
  View view() const { return {data, dims(), strides, numel, rank, dtype}; }
};
static_assert(sizeof(TensorImpl) == 128);

void destroy(TensorImpl* impl);

struct BackwardOptions {
  // Keep what the walk would free, so that the graph can be walked again.
  bool retain_graph = false;
};

class Tensor {
 public:
  Tensor() = default;

  // False for a default-made handle, which no op accepts.
  bool defined() const { return static_cast<bool>(impl_); }
  explicit operator bool() const = delete;

  DType dtype() const { return checked()->dtype; }
  int rank() const { return checked()->rank; }
  Shape shape() const { return Shape(std::span<const std::int64_t>(checked()->dims(), impl_->rank)); }
  // The size of one axis; negative axes count from the end. Errors: ShapeError.
  std::int64_t size(int dim, Location where = Location::current()) const;
  std::int64_t numel() const { return checked()->numel; }
  // In elements, one an axis.
  Shape strides() const;
  bool is_contiguous() const { return checked()->strides == nullptr; }
  View view() const { return checked()->view(); }

  // True for a leaf that was asked to collect a gradient, and for what was computed from one while recording.
  bool requires_grad() const { return checked()->tracked(); }
  bool is_leaf() const { return checked()->node == nullptr; }
  // Makes a leaf collect a gradient (or no more). Errors: DtypeError for integer and bool tensors, GraphError
  // for a tensor that an op recorded.
  Tensor& requires_grad(bool on, Location where = Location::current());

  // The accumulated gradient; undefined before the first backward and after clear_grad().
  const Tensor& grad() const;
  // Sets the gradient; same shape and dtype. An undefined handle clears it. Errors: ShapeError, DtypeError.
  void set_grad(Tensor grad, Location where = Location::current());
  void clear_grad();
  // Makes an interior tensor keep its gradient in grad() too. Errors: GraphError without requires_grad.
  void retain_grad(Location where = Location::current());
  // Calls `hook` with this tensor's whole gradient in each walk. Returns an id for remove_hook().
  // Errors: GraphError without requires_grad.
  int add_hook(GradHook hook, Location where = Location::current());
  void remove_hook(int id);

  // Accumulates d this / d leaf into grad() of every leaf reached. This tensor has one element, or `seed`
  // gives the cotangent in its shape. On an error no grad() has changed. Errors: GraphError (no graph, or
  // released), ShapeError, and what a rule throws.
  void backward(BackwardOptions options = {}, Location where = Location::current()) const;
  void backward(const Tensor& seed, BackwardOptions options = {}, Location where = Location::current()) const;

  // The same values without history; shares the storage.
  Tensor detach() const;
  // A copy with storage of its own, contiguous, without history.
  Tensor clone_detached() const;

  // A name for messages and drawings.
  Tensor& name(std::string_view name) &;
  Tensor name(std::string_view name) && { return std::move(this->name(name)); }
  std::string_view name() const { return checked()->name != nullptr ? impl_->name : ""; }

  // The elements of a contiguous tensor, row-major, to read. Errors: DtypeError, ShapeError if not
  // contiguous.
  template <class T>
  std::span<const T> span(Location where = Location::current()) const {
    return {static_cast<const T*>(read_access(dtype_of<T>, where)), static_cast<std::size_t>(impl_->numel)};
  }
  // The same to write. It counts as a change in place: recorded ops that saved this tensor refuse their
  // backward. Errors: also GraphError where the tensor is part of a graph or, while recording, requires grad.
  template <class T>
  std::span<T> mutable_span(Location where = Location::current()) {
    return {static_cast<T*>(write_access(dtype_of<T>, where)), static_cast<std::size_t>(impl_->numel)};
  }
  // All elements, row-major, whatever the strides. Errors: DtypeError.
  template <class T>
  std::vector<T> to_vector(Location where = Location::current()) const;
  // The only element, converted to T. Errors: ShapeError for another number of elements.
  template <class T = double>
  T item(Location where = Location::current()) const;

  // Writes `source` (same shape; dtype converted) or one value into this tensor in place. Errors: as
  // mutable_span, ShapeError.
  void copy_(const Tensor& source, Location where = Location::current());
  void fill_(double value, Location where = Location::current());

  // True where both handles refer to the same tensor.
  bool is(const Tensor& o) const { return impl() == o.impl(); }

  TensorImpl* impl() const { return impl_.get(); }
  static Tensor adopt(TensorImpl* p) {
    Tensor t;
    t.impl_ = Ref<TensorImpl>::adopt(p);
    return t;
  }
  static Tensor share(TensorImpl* p) {
    Tensor t;
    t.impl_ = Ref<TensorImpl>::share(p);
    return t;
  }
  TensorImpl* release() { return impl_.release(); }

 private:
  TensorImpl* checked() const {
    if (!impl_) [[unlikely]]
      fail_undefined();
    return impl_.get();
  }
  [[noreturn]] static void fail_undefined();
  const void* read_access(DType dtype, Location where) const;
  void* write_access(DType dtype, Location where);
  void copy_out(DType dtype, void* out, Location where) const;
  double item_f64(Location where) const;
  std::int64_t item_i64(Location where) const;

  Ref<TensorImpl> impl_;
};
static_assert(sizeof(Tensor) == sizeof(void*));

// A tensor of its own storage, contiguous, contents undefined. Errors: ShapeError for a negative size or a
// product that overflows.
Tensor empty(const Shape& shape, DType dtype = DType::f32, Location where = Location::current());
// A tensor over memory of the user's, contiguous, nothing copied. `release` runs when nobody views it any
// more.
Tensor from_buffer(void* data, const Shape& shape, DType dtype, UniqueFunction<void()> release = {},
                   Location where = Location::current());

// The one way to change a tensor's elements in place: checks that it is allowed, bumps the version that saved
// slots check, and notes who did it. `writer` is a string literal. Errors: GraphError.
View mutate(const Tensor& t, const char* writer, Location where);

template <class T>
std::vector<T> Tensor::to_vector(Location where) const {
  static_assert(!std::is_same_v<T, bool>, "read bool tensors as to_vector<std::uint8_t>()");
  std::vector<T> out(static_cast<std::size_t>(numel()));
  copy_out(dtype_of<T>, out.data(), where);
  return out;
}

template <class T>
T Tensor::item(Location where) const {
  if (is_floating(dtype()) || std::is_floating_point_v<T>) return static_cast<T>(item_f64(where));
  return static_cast<T>(item_i64(where));
}

}  // namespace gradus
