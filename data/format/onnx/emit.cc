#include "gradus/data/format/onnx/emit.h"

#include <algorithm>
#include <cstring>

#include "gradus/base/format.h"
#include "gradus/graph/apply.h"
#include "gradus/ops/creation.h"
#include "gradus/ops/elementwise/conversion.h"

namespace gradus::onnx {
namespace {

// Constants up to this are shared where they are equal.
constexpr std::int64_t kSmallBytes = 256;

Attribute named(std::string_view name, AttributeKind kind) {
  Attribute a;
  a.name = std::string(name);
  a.kind = kind;
  return a;
}

// What makes two constants equal.
std::string key_of(const Tensor& t) {
  const std::int64_t head[] = {static_cast<std::int64_t>(t.dtype()), t.rank()};
  const Shape shape = t.shape();
  std::string key(reinterpret_cast<const char*>(head), sizeof(head));
  key.append(reinterpret_cast<const char*>(shape.data()), static_cast<std::size_t>(shape.rank()) * 8);
  key.append(static_cast<const char*>(t.impl()->data),
             static_cast<std::size_t>(t.numel()) * size_of(t.dtype()));
  return key;
}

}  // namespace

Attribute whole(std::string_view name, std::int64_t v) {
  Attribute a = named(name, AttributeKind::whole);
  a.whole = v;
  return a;
}
Attribute real(std::string_view name, double v) {
  Attribute a = named(name, AttributeKind::real);
  a.real = v;
  return a;
}
Attribute text(std::string_view name, std::string_view v) {
  Attribute a = named(name, AttributeKind::text);
  a.text = std::string(v);
  return a;
}
Attribute list(std::string_view name, List v) {
  Attribute a = named(name, AttributeKind::wholes);
  a.wholes = std::move(v);
  return a;
}

Attribute texts(std::string_view name, std::vector<std::string> v) {
  Attribute a = named(name, AttributeKind::texts);
  a.texts = std::move(v);
  return a;
}

std::vector<Id> FileGraph::add(std::string_view op, std::vector<Id> inputs, std::vector<Attribute> attributes,
                               int outputs, const OpCall* call) {
  std::vector<Id> made(static_cast<std::size_t>(outputs));
  for (Id& id : made) id = new_value();
  nodes.push_back({std::string(op), std::move(inputs), made, std::move(attributes), call});
  return made;
}

Id FileGraph::constant(const Tensor& t, const OpCall* call) {
  const std::int64_t bytes = t.numel() * static_cast<std::int64_t>(size_of(t.dtype()));
  const bool small = bytes <= kSmallBytes && t.is_contiguous();
  std::string key;
  if (small) {
    key = key_of(t);
    if (const auto known = constants.find(key); known != constants.end()) return known->second;
  }
  Attribute value = named("value", AttributeKind::tensor);
  value.tensor = {t, element_type(t.dtype())};
  const Id id = add("Constant", {}, {std::move(value)}, 1, call)[0];
  if (small) constants.emplace(std::move(key), id);
  return id;
}

DType worked_in(DType t) { return t == DType::u8 ? DType::i32 : computed_in(t); }

Emit::Emit(FileGraph& file, const OpCall& call, std::vector<Id> inputs, bool moves)
    : file_(file),
      call_(call),
      inputs_(std::move(inputs)),
      converted_(inputs_.size(), kNone),
      open_(inputs_.size(), true),
      wanted_(call.outputs.size(), true),
      results_(call.outputs.size(), kNone),
      moves_(moves) {
  if (moves_) return;
  for (const Tensor& t : call.inputs) {
    if (t.dtype() == DType::u64) refuse("runtimes do not compute with u64");
  }
}

Id Emit::in(int i) {
  const auto k = static_cast<std::size_t>(i);
  if (converted_[k] == kNone) converted_[k] = moves_ ? inputs_[k] : cast_from(inputs_[k], i);
  return converted_[k];
}

Id Emit::cast_from(Id x, int i) {
  const DType given = tensor(i).dtype();
  return worked_in(given) == given ? x : cast(x, worked_in(given));
}

std::vector<Id> Emit::all_inputs() {
  std::vector<Id> all;
  all.reserve(call_.inputs.size());
  for (int i = 0; i < inputs(); ++i) all.push_back(in(i));
  return all;
}

DType Emit::dtype(int i) const {
  const DType t = tensor(i).dtype();
  return moves_ ? t : worked_in(t);
}

const AttrDef& Emit::attribute(std::string_view name, AttrType type) const {
  for (const AttrDef& a : call_.op->attrs) {
    if (name == a.name && a.type == type) return a;
  }
  throw std::logic_error(fmt::format("the op {} has no such attribute {}", call_.op->name, name));
}

std::int64_t Emit::whole(std::string_view name) const { return read<std::int64_t>(name, AttrType::i64); }
double Emit::real(std::string_view name) const { return read<double>(name, AttrType::f64); }
bool Emit::flag(std::string_view name) const { return read<bool>(name, AttrType::boolean); }
std::string_view Emit::text(std::string_view name) const {
  return read<const char*>(name, AttrType::cstring);
}
DType Emit::dtype_attr(std::string_view name) const { return read<DType>(name, AttrType::dtype); }

List Emit::list(std::string_view name) const {
  for (const AttrDef& a : call_.op->attrs) {
    if (name != a.name || (a.type != AttrType::dims && a.type != AttrType::shape)) continue;
    const auto& v = *reinterpret_cast<const SmallList*>(call_.attrs.data() + a.offset);
    return {v.begin(), v.end()};
  }
  throw std::logic_error(fmt::format("the op {} has no list {}", call_.op->name, name));
}

List Emit::axes(std::string_view name) const {
  List v = list(name);
  if (v.empty()) return iota(rank());
  for (std::int64_t& a : v) a = positive(a, rank());
  std::sort(v.begin(), v.end());
  return v;
}

Tensor Emit::compute(std::initializer_list<Tensor> inputs, std::string_view changed,
                     std::int64_t value) const {
  std::vector<std::byte> attrs = call_.attrs;
  if (!changed.empty()) {
    std::memcpy(attrs.data() + attribute(changed, AttrType::i64).offset, &value, sizeof(value));
  }
  std::vector<Operand> in;
  for (const Tensor& t : inputs) in.emplace_back(t, call_.where);
  std::vector<Tensor> outs(static_cast<std::size_t>(call_.op->outputs));
  apply(*call_.op, in, attrs.data(), outs);
  return outs[0];
}

std::vector<Id> Emit::ops(std::string_view name, std::vector<Id> in, int outputs,
                          std::vector<Attribute> attributes) {
  return file_.add(name, std::move(in), std::move(attributes), outputs, &call_);
}
Id Emit::op(std::string_view name, std::vector<Id> in, std::vector<Attribute> attributes) {
  return ops(name, std::move(in), 1, std::move(attributes))[0];
}

Id Emit::constant(const Tensor& t) { return file_.constant(t, &call_); }
Id Emit::wholes(const List& v) { return constant(tensor_of(v, {static_cast<std::int64_t>(v.size())})); }
Id Emit::index(std::int64_t v) { return constant(tensor_of({v}, {})); }
Id Emit::number(double v) { return number(v, dtype()); }
Id Emit::number(double v, DType dtype) {
  return constant(is_floating(dtype) ? full({}, v, dtype) : astype(full({}, v, DType::f64), dtype));
}

Id Emit::cast(Id x, DType to) {
  return op("Cast", {x}, {onnx::whole("to", static_cast<std::int64_t>(element_type(to)))});
}

Id Emit::reshape(Id x, const List& shape) {
  // A size of 0 would stand for the input's.
  const bool empty = std::find(shape.begin(), shape.end(), 0) != shape.end();
  return op("Reshape", {x, wholes(shape)},
            empty ? std::vector{onnx::whole("allowzero", 1)} : std::vector<Attribute>{});
}

Id Emit::transpose(Id x, const List& order) { return op("Transpose", {x}, {onnx::list("perm", order)}); }

Id Emit::axis_last(Id x, std::int64_t axis, int rank) {
  if (axis == rank - 1) return x;
  List order = iota(rank);
  order.erase(order.begin() + axis);
  order.push_back(axis);
  return transpose(x, order);
}

Id Emit::axis_back(Id x, std::int64_t axis, int rank) {
  if (axis == rank - 1) return x;
  List order = iota(rank - 1);
  order.insert(order.begin() + axis, rank - 1);
  return transpose(x, order);
}

Id Emit::reduce(std::string_view name, Id x, const List& axes, bool keepdims) {
  std::vector<Attribute> attributes{onnx::whole("keepdims", keepdims ? 1 : 0)};
  // Only ReduceSum takes its axes as an input in this operator set.
  if (name == "ReduceSum") return op(name, {x, wholes(axes)}, std::move(attributes));
  if (!axes.empty()) attributes.push_back(onnx::list("axes", axes));
  return op(name, {x}, std::move(attributes));
}

Id Emit::slice(Id x, std::int64_t axis, std::int64_t start, std::int64_t end, std::int64_t step) {
  return op("Slice", {x, wholes({start}), wholes({end}), wholes({axis}), wholes({step})});
}

Id Emit::gather(Id x, std::int64_t axis, const Tensor& indices) {
  return op("Gather", {x, constant(indices)}, {onnx::whole("axis", axis)});
}

void Emit::set(int i, Id value) {
  const DType t = output(i).dtype();
  results_[static_cast<std::size_t>(i)] = moves_ || worked_in(t) == t ? value : cast(value, t);
}

void Emit::set_marked(int i, Id value) {
  results_[static_cast<std::size_t>(i)] = value;
  file_.marked.insert(value);
}

void Emit::leave_out(int i, std::string_view why) {
  if (wants(i)) refuse("its output {} is used: {}", i, why);
}

List iota(std::int64_t n, std::int64_t from) {
  List v;
  for (std::int64_t i = 0; i < n; ++i) v.push_back(from + i);
  return v;
}

Tensor tensor_of(const List& v, const Shape& shape) {
  Tensor t = empty(shape, DType::i64);
  if (!v.empty()) std::memcpy(t.impl()->data, v.data(), v.size() * sizeof(std::int64_t));
  return t;
}

}  // namespace gradus::onnx
