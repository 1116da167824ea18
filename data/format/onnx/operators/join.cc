// Several tensors from one, one from several, and more elements at the ends.
#include "gradus/ops/join.h"

#include "gradus/base/format.h"
#include "gradus/data/format/onnx/call.h"
#include "gradus/data/format/onnx/operators.h"
#include "gradus/ops/view.h"

namespace gradus::onnx {
namespace {

void run_concat(Call& c) {
  const std::vector<Tensor> all = c.all_inputs();
  const std::int64_t axis = c.opset() < 4 ? c.whole("axis", 1) : c.whole("axis");
  c.set(0, concat(all, c.axis(axis, all[0].rank())), c.type(0));
}

void run_split(Call& c) {
  const Tensor& x = c.in(0);
  const std::int64_t axis = c.axis(c.whole("axis", 0), x.rank());
  if (c.outputs() < 1) c.fail("it has no outputs");
  std::vector<std::int64_t> sizes;
  if (c.has(1)) {
    sizes = c.wholes_in(1);
  } else if (const auto split = c.wholes("split"); split.has_value()) {
    sizes = *split;
  } else {
    const std::int64_t whole = x.size(static_cast<int>(axis));
    if (whole % c.outputs() != 0)
      c.fail("an axis of size {} does not part into {} equal pieces", whole, c.outputs());
    sizes.assign(static_cast<std::size_t>(c.outputs()), whole / c.outputs());
  }
  if (static_cast<int>(sizes.size()) != c.outputs()) {
    c.fail("{} sizes are given for {} outputs", sizes.size(), c.outputs());
  }
  for (const std::int64_t s : sizes) {
    if (s < 0) c.fail("a size is {}", s);
  }
  const std::vector<Tensor> parts = split(x, sizes, axis);
  for (int i = 0; i < c.outputs(); ++i) c.set(i, parts[static_cast<std::size_t>(i)], c.type(0));
}

void run_pad(Call& c) {
  const Tensor& x = c.in(0);
  const std::string mode = c.text("mode", "constant");
  std::vector<std::int64_t> ends;
  PadOptions options;
  if (c.opset() >= 11) {
    ends = c.wholes_in(1);
    if (c.has(2) && mode == "constant") {
      options.value = is_floating(x.dtype()) ? Scalar(c.real_in(2)) : Scalar(c.whole_in(2));
    }
  } else {
    ends = c.wholes(c.opset() < 2 ? "paddings" : "pads").value_or(std::vector<std::int64_t>{});
    const double value = c.real("value", 0);
    if (mode == "constant") options.value = value;
  }
  if (mode == "reflect") {
    options.mode = PadMode::reflect;
  } else if (mode == "edge") {
    options.mode = PadMode::replicate;
  } else if (mode != "constant") {
    c.unsupported("the mode \"{}\" of Pad", mode);
  }
  const int rank = x.rank();
  if (static_cast<int>(ends.size()) != 2 * rank) c.fail("{} pads are given for {} axes", ends.size(), rank);
  // The format has all beginnings, then all ends; gradus a pair an axis, the last axis first.
  std::vector<std::int64_t> pads;
  std::vector<std::int64_t> dims;
  for (int i = rank - 1; i >= 0; --i) {
    const std::int64_t before = ends[static_cast<std::size_t>(i)];
    const std::int64_t behind = ends[static_cast<std::size_t>(i) + static_cast<std::size_t>(rank)];
    pads.push_back(before);
    pads.push_back(behind);
    std::int64_t size = x.size(i);
    if (__builtin_add_overflow(size, before, &size) || __builtin_add_overflow(size, behind, &size))
      size = INT64_MAX;
    dims.push_back(size);
  }
  c.made_up_shape(dims);
  c.set(0, pad(x, pads, options), c.type(0));
}

constexpr Operator kOperators[] = {
    {"Concat", run_concat, 1, kAnyNumber},
    {"Split", run_split, 1, 2},
    {"Pad", run_pad, 1, 3},
};

}  // namespace

std::span<const Operator> join_operators() { return kOperators; }

}  // namespace gradus::onnx
