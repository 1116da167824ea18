// OpDef: an op as data. The same struct serves gradus's own ops and a user's; everything that works on ops in
// general (recording, backward, tests, documentation, drawing) reads it from here. See docs/custom_op.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

#include "gradus/graph/attrs.h"
#include "gradus/graph/tensor.h"

namespace gradus {

inline constexpr int kMaxOutputs = 4;

class InferContext;
struct KernelContext;
class RuleContext;
class SampleSink;

// What infer says of one output.
struct OutputMeta {
  DType dtype = DType::f32;
  std::uint8_t rank = 0;
  bool has_strides = false;        // views only
  bool copies = false;             // views only: no strides give this view, so the kernel copies
  std::int64_t dims[kMaxRank];     // NOLINT: the first `rank` are set
  std::int64_t strides[kMaxRank];  // NOLINT: set where has_strides
  std::int64_t offset = 0;         // views only: elements from the first element of input 0
};

// Which inputs and outputs the gradient of one input reads. Only these are kept, and only for the inputs that
// require a gradient: saved(in(1)) | out(0).
using SaveMask = std::uint32_t;
constexpr SaveMask in(int i) { return SaveMask{1} << i; }
constexpr SaveMask out(int i) { return SaveMask{1} << (16 + i); }

enum OpFlags : std::uint32_t {
  kElementwise = 1,    // one output element from the elements at its place; keeps a dense input's strides
  kView = 2,           // the output shares the storage of input 0; no kernel runs (see OutputMeta::copies)
  kRandom = 4,         // attributes carry seed and counter
  kDataDependent = 8,  // the output's shape depends on values
  kReduction = 16,
  kInputShapes = 32,  // the rule asks for the shapes of all inputs, also of those that want no gradient
  kAnyDtype = 64,     // the kernel takes f16, bf16 and the small integers as they are (as the elementwise
                      // driver does); others see them as what they are computed in (DTypeInfo)
};

struct OpDef {
  const char* name;  // the user function's name
  const char* doc;   // one line
  // Names of the inputs in messages and documentation; with `variadic` the last repeats.
  std::span<const char* const> inputs;
  bool variadic = false;
  int outputs = 1;
  std::span<const AttrDef> attrs = {};
  // saves[i] for the gradient of input i; a shorter table repeats its last entry.
  std::span<const SaveMask> saves = {};
  std::uint32_t flags = 0;

  void (*infer)(InferContext&) = nullptr;
  void (*kernel)(KernelContext&) = nullptr;
  // nullptr: no derivative, and `no_gradient` says why.
  void (*rule)(RuleContext&) = nullptr;
  const char* no_gradient = nullptr;
  void (*samples)(SampleSink&) = nullptr;
  const char* onnx = nullptr;     // name of the ONNX operator, if there is one
  const char* formula = nullptr;  // for documentation
};

// The inputs' metas on one side, the outputs' on the other. Errors thrown through it name op and place.
class InferContext {
 public:
  const OpDef& op() const { return *op_; }
  Location where() const { return where_; }
  int size() const { return n_; }
  DType dtype(int i) const { return in_[i]->dtype; }
  int rank(int i) const { return in_[i]->rank; }
  const std::int64_t* dims(int i) const { return in_[i]->dims(); }
  std::int64_t dim(int i, int axis) const { return in_[i]->dims()[axis]; }
  std::int64_t numel(int i) const { return in_[i]->numel; }
  Shape shape(int i) const { return Shape(std::span<const std::int64_t>(dims(i), in_[i]->rank)); }
  const TensorImpl& impl(int i) const { return *in_[i]; }
  template <class A>
  const A& attrs() const {
    return *static_cast<const A*>(attrs_);
  }

  OutputMeta& out(int i) { return out_[i]; }
  void set_out(int i, DType dtype, const std::int64_t* dims, int rank) {
    OutputMeta& o = out_[i];
    o.dtype = dtype;
    o.rank = static_cast<std::uint8_t>(rank);
    for (int k = 0; k < rank; ++k) o.dims[k] = dims[k];
  }
  void set_out(int i, DType dtype, const Shape& s) { set_out(i, dtype, s.data(), s.size()); }
  // The shape of input j.
  void set_out_like(int i, int j, DType dtype) { set_out(i, dtype, dims(j), rank(j)); }
  void set_out_like(int i, int j) { set_out_like(i, j, dtype(j)); }
  // All inputs broadcast against each other (array API standard, "Broadcasting"). Errors: ShapeError.
  void set_out_broadcast(int i, DType dtype);
  // Bytes that the kernel needs beside its views; contents undefined.
  void set_scratch(std::size_t bytes) { scratch_ = bytes; }

  // An axis from -rank..rank-1 as 0..rank-1. Errors: ShapeError naming the op, the axis and the input.
  int axis(int i, std::int64_t dim) const;
  // Every input has the dtype of input 0 / a floating dtype. Errors: DtypeError.
  void require_same_dtype() const;
  void require_floating(int i) const;

  // `a "w1" [512, 256] f32`
  std::string describe(int i) const;
  [[noreturn]] void shape_error(std::string_view what) const;
  [[noreturn]] void dtype_error(std::string_view what) const;
  [[noreturn]] void value_error(std::string_view what) const;

 private:
  friend struct Apply;
  const OpDef* op_;
  Location where_;
  const TensorImpl* const* in_;
  int n_;
  const void* attrs_;
  OutputMeta* out_;
  std::size_t scratch_ = 0;
};

// Views in, views out. A kernel allocates nothing and keeps nothing, so that a graph can be replayed into
// planned buffers. Errors it finds in values (an index out of range) are thrown through fail_value.
struct KernelContext {
  const OpDef* op;
  Location where;
  const View* in;
  int n;
  const View* out;
  const void* attr_bytes;
  void* scratch;

  template <class A>
  const A& attrs() const {
    return *static_cast<const A*>(attr_bytes);
  }
  [[noreturn]] void fail_value(std::string_view what) const;
};

// One node's derivative: cotangents of the outputs in, gradients of the inputs out. The rule is written in
// differentiable ops; it runs with recording off unless create_graph asks.
class RuleContext {
 public:
  const OpDef& op() const;
  // Number of inputs.
  int size() const;
  // True where input i wants a gradient; the rule need not compute others.
  bool needs(int i) const;
  // The cotangent of an output; a zero tensor where none arrived.
  Tensor grad(int output = 0) const;
  bool has_grad(int output) const;
  // A saved input or output. Errors: GraphError if it was changed in place since, or is not in `saves`.
  Tensor input(int i) const;
  Tensor output(int i = 0) const;
  // Shape and dtype of an input that needs a gradient; with kInputShapes the shape of any.
  Shape input_shape(int i) const;
  DType input_dtype(int i) const;
  Shape output_shape(int i = 0) const;
  template <class A>
  const A& attrs() const {
    return *static_cast<const A*>(attr_bytes());
  }
  // Sets the gradient of input i. The engine sums broadcast axes away and checks shape and dtype.
  void set(int i, Tensor grad);

 private:
  friend class Walk;
  const void* attr_bytes() const;
  void* walk_ = nullptr;
  Node* node_ = nullptr;
  std::uint64_t set_ = 0;  // which inputs got their gradient
};

}  // namespace gradus
