// Emit: one call of a trace as its writer sees it: what the op was given, and nodes of the file to make of
// it. A writer asks for inputs and attributes, adds nodes and sets the outputs. Knows no protobuf: nodes are
// plain data until save.cc serializes them. Internal to data/format/onnx.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <initializer_list>
#include <map>
#include <set>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "gradus/data/format/onnx/graph.h"
#include "gradus/graph/op_def.h"
#include "gradus/graph/trace.h"

namespace gradus::onnx {

// A value of the file by its number; kNone: an optional input that is left out.
using Id = int;
inline constexpr Id kNone = -1;

using List = std::vector<std::int64_t>;

Attribute whole(std::string_view name, std::int64_t v);
Attribute real(std::string_view name, double v);
Attribute text(std::string_view name, std::string_view v);
Attribute list(std::string_view name, List v);
Attribute texts(std::string_view name, std::vector<std::string> v);

struct FileNode {
  std::string op;
  std::vector<Id> inputs, outputs;
  std::vector<Attribute> attributes;
  const OpCall* call = nullptr;  // what it was made of
};

// The file as it grows. Each node stands behind those whose outputs it reads.
struct FileGraph {
  std::vector<FileNode> nodes;
  int values = 0;
  std::map<std::string, Id> constants;  // small ones, by type, shape and bytes
  std::set<Id> marked;                  // see Emit::set_marked()

  Id new_value() { return values++; }
  std::vector<Id> add(std::string_view op, std::vector<Id> inputs, std::vector<Attribute> attributes,
                      int outputs, const OpCall* call);
  // A Constant node; the same one for equal small tensors.
  Id constant(const Tensor& t, const OpCall* call);
};

// An op, or a use of one, that has no counterpart in the file.
class Refused : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// What a kernel computes in, as the file has it: halves in f32, small integers and u8 in i32, u32 in i64, for
// which runtimes have kernels.
DType worked_in(DType t);

class Emit {
 public:
  // `moves`: the writer takes all dtypes as they are, since it computes nothing. Without it inputs are
  // converted to what they are worked in, and outputs back.
  Emit(FileGraph& file, const OpCall& call, std::vector<Id> inputs, bool moves);

  // --- what was given ---
  int inputs() const { return static_cast<int>(call_.inputs.size()); }
  Id in(int i);
  std::vector<Id> all_inputs();
  Shape shape(int i = 0) const { return tensor(i).shape(); }
  int rank(int i = 0) const { return tensor(i).rank(); }
  std::int64_t size(int axis, int i = 0) const { return shape(i)[axis]; }
  // What the writer works in.
  DType dtype(int i = 0) const;
  bool is_f64() const { return dtype() == DType::f64; }
  const Tensor& tensor(int i) const { return call_.inputs[static_cast<std::size_t>(i)]; }
  Shape out_shape(int i = 0) const { return output(i).shape(); }
  DType out_dtype(int i = 0) const { return output(i).dtype(); }
  const OpCall& call() const { return call_; }
  // True where input i is computed in the trace or an input of the model, so that its elements are not fixed.
  bool is_open(int i) const { return open_[static_cast<std::size_t>(i)]; }
  void set_open(std::vector<bool> open) { open_ = std::move(open); }

  // --- attributes of the op ---
  std::int64_t whole(std::string_view name) const;
  double real(std::string_view name) const;
  bool flag(std::string_view name) const;
  std::string_view text(std::string_view name) const;
  List list(std::string_view name) const;  // Shape or Dims
  DType dtype_attr(std::string_view name) const;
  // An axis as 0 .. rank-1.
  std::int64_t axis(std::string_view name, int i = 0) const { return positive(whole(name), rank(i)); }
  static std::int64_t positive(std::int64_t axis, int rank) { return axis < 0 ? axis + rank : axis; }
  // The axes of a reduction, all of them where the list is empty.
  List axes(std::string_view name) const;
  // The op itself on other operands, with an attribute changed; for tables that a writer puts in the file.
  Tensor compute(std::initializer_list<Tensor> inputs, std::string_view changed, std::int64_t value) const;

  // --- nodes ---
  Id op(std::string_view name, std::vector<Id> in, std::vector<Attribute> attributes = {});
  std::vector<Id> ops(std::string_view name, std::vector<Id> in, int outputs,
                      std::vector<Attribute> attributes = {});
  Id constant(const Tensor& t);
  Id wholes(const List& v);          // i64, one axis
  Id index(std::int64_t v);          // i64, no axes
  Id number(double v);               // of the dtype worked in, no axes
  Id number(double v, DType dtype);  // of another
  Id cast(Id x, DType to);

  Id add(Id a, Id b) { return op("Add", {a, b}); }
  Id sub(Id a, Id b) { return op("Sub", {a, b}); }
  Id mul(Id a, Id b) { return op("Mul", {a, b}); }
  Id div(Id a, Id b) { return op("Div", {a, b}); }
  Id where(Id condition, Id a, Id b) { return op("Where", {condition, a, b}); }
  Id reshape(Id x, const List& shape);
  Id transpose(Id x, const List& order);
  // x with `axis` as its last one, and back.
  Id axis_last(Id x, std::int64_t axis, int rank);
  Id axis_back(Id x, std::int64_t axis, int rank);
  Id reduce(std::string_view name, Id x, const List& axes, bool keepdims);
  Id slice(Id x, std::int64_t axis, std::int64_t start, std::int64_t end, std::int64_t step = 1);
  Id gather(Id x, std::int64_t axis, const Tensor& indices);

  // --- outputs ---
  bool wants(int i) const { return wanted_[static_cast<std::size_t>(i)]; }
  void set(int i, Id value);
  void set(Id value) { set(0, value); }
  // A value that is not converted to the output's dtype, for what only certain other writers read; they know
  // it by its mark.
  void set_marked(int i, Id value);
  bool is_marked(int i) const { return file_.marked.count(inputs_[static_cast<std::size_t>(i)]) > 0; }
  void set_wanted(std::vector<bool> wanted) { wanted_ = std::move(wanted); }
  const std::vector<Id>& results() const { return results_; }
  // The calls that read output i; nullptr where it is an output of the model.
  const std::vector<const OpCall*>& readers(int i) const { return readers_[static_cast<std::size_t>(i)]; }
  void set_readers(std::vector<std::vector<const OpCall*>> readers) { readers_ = std::move(readers); }
  // For an output that the file cannot give; `why` is the message where it is asked for.
  void leave_out(int i, std::string_view why);

  template <class... Args>
  [[noreturn]] void refuse(fmt::format_string<Args...> text, Args&&... args) const {
    throw Refused(fmt::format(text, std::forward<Args>(args)...));
  }

 private:
  Id cast_from(Id x, int i);
  const Tensor& output(int i) const { return call_.outputs[static_cast<std::size_t>(i)]; }
  const AttrDef& attribute(std::string_view name, AttrType type) const;
  template <class T>
  const T& read(std::string_view name, AttrType type) const {
    return *reinterpret_cast<const T*>(call_.attrs.data() + attribute(name, type).offset);
  }

  FileGraph& file_;
  const OpCall& call_;
  std::vector<Id> inputs_;
  std::vector<Id> converted_;
  std::vector<bool> open_;
  std::vector<bool> wanted_;
  std::vector<std::vector<const OpCall*>> readers_;
  std::vector<Id> results_;
  bool moves_;
};

// Axes of `rank` in order: 0, 1, ...
List iota(std::int64_t n, std::int64_t from = 0);
// A tensor of i64 numbers.
Tensor tensor_of(const List& v, const Shape& shape);

}  // namespace gradus::onnx
