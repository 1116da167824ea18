#include "gradus/data/format/onnx/call.h"

#include <algorithm>

#include "gradus/base/format.h"
#include "gradus/ops/elementwise/conversion.h"

namespace gradus::onnx {
namespace {

const char* kind_name(AttributeKind kind) {
  switch (kind) {
    case AttributeKind::whole:
      return "an integer";
    case AttributeKind::real:
      return "a number";
    case AttributeKind::text:
      return "a text";
    case AttributeKind::tensor:
      return "a tensor";
    case AttributeKind::wholes:
      return "a list of integers";
    case AttributeKind::reals:
      return "a list of numbers";
    case AttributeKind::texts:
      return "a list of texts";
    case AttributeKind::other:
      return "a graph or the like";
  }
  return "";
}

}  // namespace

Call::Call(const Graph& graph, const Node& node, std::vector<Value> inputs)
    : graph_(graph), node_(node), inputs_(std::move(inputs)), results_(node.outputs.size()) {}

const Value& Call::value(int i) const {
  if (!has(i)) fail("input {} is missing", i);
  return inputs_[static_cast<std::size_t>(i)];
}

std::vector<Tensor> Call::all_inputs() const {
  std::vector<Tensor> all;
  all.reserve(static_cast<std::size_t>(inputs()));
  for (int i = 0; i < inputs(); ++i) all.push_back(in(i));
  return all;
}

std::vector<std::int64_t> Call::wholes_in(int i) const {
  if (is_floating(in(i).dtype())) {
    fail("input {} {} {} must hold integers", i, format_shape(in(i).shape()), name(in(i).dtype()));
  }
  return whole_numbers(in(i));
}

std::int64_t Call::whole_in(int i) const {
  const std::vector<std::int64_t> all = wholes_in(i);
  if (all.size() != 1) fail("input {} has {} elements, not one", i, all.size());
  return all[0];
}

double Call::real_in(int i) const {
  if (in(i).numel() != 1) fail("input {} has {} elements, not one", i, in(i).numel());
  return in(i).item();
}

const Attribute* Call::find(std::string_view name) const {
  for (std::size_t k = 0; k < node_.attributes.size(); ++k) {
    if (node_.attributes[k].name != name) continue;
    if (k < 64) read_ |= std::uint64_t{1} << k;
    return &node_.attributes[k];
  }
  return nullptr;
}

const Attribute* Call::find(std::string_view name, AttributeKind kind) const {
  const Attribute* a = find(name);
  if (a == nullptr || a->kind == kind) return a;
  // An empty list does not show what it is a list of.
  const bool empty_list = (a->kind == AttributeKind::wholes && a->wholes.empty()) ||
                          (a->kind == AttributeKind::reals && a->reals.empty()) ||
                          (a->kind == AttributeKind::texts && a->texts.empty());
  if (empty_list &&
      (kind == AttributeKind::wholes || kind == AttributeKind::reals || kind == AttributeKind::texts)) {
    return a;
  }
  fail("attribute \"{}\" is {}, not {}", name, kind_name(a->kind), kind_name(kind));
}

std::int64_t Call::whole(std::string_view name) const {
  const Attribute* a = find(name, AttributeKind::whole);
  if (a == nullptr) fail("attribute \"{}\" is missing", name);
  return a->whole;
}

std::int64_t Call::whole(std::string_view name, std::int64_t otherwise) const {
  const Attribute* a = find(name, AttributeKind::whole);
  return a != nullptr ? a->whole : otherwise;
}

double Call::real(std::string_view name, double otherwise) const {
  const Attribute* a = find(name, AttributeKind::real);
  return a != nullptr ? a->real : otherwise;
}

std::string Call::text(std::string_view name, std::string_view otherwise) const {
  const Attribute* a = find(name, AttributeKind::text);
  return a != nullptr ? a->text : std::string(otherwise);
}

std::optional<std::vector<std::int64_t>> Call::wholes(std::string_view name) const {
  const Attribute* a = find(name, AttributeKind::wholes);
  return a != nullptr ? std::optional(a->wholes) : std::nullopt;
}

std::optional<std::vector<double>> Call::reals(std::string_view name) const {
  const Attribute* a = find(name, AttributeKind::reals);
  return a != nullptr ? std::optional(a->reals) : std::nullopt;
}

std::optional<std::vector<std::string>> Call::texts(std::string_view name) const {
  const Attribute* a = find(name, AttributeKind::texts);
  return a != nullptr ? std::optional(a->texts) : std::nullopt;
}

const Value* Call::tensor(std::string_view name) const {
  const Attribute* a = find(name, AttributeKind::tensor);
  return a != nullptr ? &a->tensor : nullptr;
}

std::int64_t Call::axis(std::int64_t axis, std::int64_t rank) const {
  if (axis < -rank || axis >= rank) fail("axis {} is out of range for {} axes", axis, rank);
  return axis < 0 ? axis + rank : axis;
}

void Call::set(int i, Tensor t) {
  ElementType type = element_type(t.dtype());
  for (const Value& v : inputs_) {
    if (v.tensor.defined() && v.tensor.dtype() == t.dtype()) {
      type = v.type;
      break;
    }
  }
  set(i, std::move(t), type);
}

void Call::set(int i, Tensor t, ElementType type) {
  if (!wants(i)) return;
  results_[static_cast<std::size_t>(i)] = {std::move(t), type};
}

const Attribute* Call::unread() const {
  for (std::size_t k = 0; k < node_.attributes.size(); ++k) {
    if (k >= 64 || (read_ >> k & 1) == 0) return &node_.attributes[k];
  }
  return nullptr;
}

Shape Call::made_up_shape(std::span<const std::int64_t> dims) const {
  if (dims.size() > kMaxRank)
    unsupported("a tensor of {} axes; at most {} are supported", dims.size(), kMaxRank);
  std::int64_t count = 1;
  for (const std::int64_t d : dims) {
    if (d < 0) fail("the shape {} has a negative size", format_shape(dims));
    if (d > 0 && (__builtin_mul_overflow(count, d, &count) || count > kMaxElements)) {
      fail("the shape {} has more than {} elements", format_shape(dims), kMaxElements);
    }
  }
  return Shape(dims);
}

Shape broadcast_shapes(const Call& c, const Shape& a, const Shape& b) {
  const int rank = std::max(a.rank(), b.rank());
  std::vector<std::int64_t> out(static_cast<std::size_t>(rank));
  for (int i = 0; i < rank; ++i) {
    const std::int64_t x = i < rank - a.rank() ? 1 : a[i - (rank - a.rank())];
    const std::int64_t y = i < rank - b.rank() ? 1 : b[i - (rank - b.rank())];
    if (x != y && x != 1 && y != 1) {
      c.fail("the shapes {} and {} do not broadcast: {} and {} differ", format_shape(a), format_shape(b), x,
             y);
    }
    out[static_cast<std::size_t>(i)] = x == 1 ? y : x;
  }
  return c.made_up_shape(out);
}

std::vector<std::int64_t> whole_numbers(const Tensor& t) {
  return (t.dtype() == DType::i64 ? t : astype(t, DType::i64)).to_vector<std::int64_t>();
}

}  // namespace gradus::onnx
