// Other shapes of the same elements.
#include <algorithm>
#include <numeric>

#include "gradus/base/format.h"
#include "gradus/data/format/onnx/call.h"
#include "gradus/data/format/onnx/operators.h"
#include "gradus/data/format/onnx/operators/integers.h"
#include "gradus/ops/creation.h"
#include "gradus/ops/indexing.h"
#include "gradus/ops/join.h"
#include "gradus/ops/view.h"

namespace gradus::onnx {
namespace {

void run_reshape(Call& c) {
  c.ignore("consumed_inputs");
  const Tensor& x = c.in(0);
  std::vector<std::int64_t> dims;
  if (c.opset() >= 5) {
    dims = c.wholes_in(1);
  } else {
    dims = c.wholes("shape").value_or(std::vector<std::int64_t>{});
  }
  const bool allow_zero = c.flag("allowzero");
  if (dims.size() > kMaxRank)
    c.unsupported("a tensor of {} axes; at most {} are supported", dims.size(), kMaxRank);
  for (std::size_t i = 0; i < dims.size(); ++i) {
    if (dims[i] != 0 || allow_zero) continue;
    if (static_cast<int>(i) >= x.rank()) {
      c.fail("size 0 at axis {} of {} stands for a size of {}, which has no such axis", i, format_shape(dims),
             format_shape(x.shape()));
    }
    dims[i] = x.size(static_cast<int>(i));
  }
  c.set(0, reshape(x, Shape(dims)), c.type(0));
}

void run_shape(Call& c) {
  const Shape shape = c.in(0).shape();
  const std::int64_t rank = shape.rank();
  const auto place = [&](std::int64_t i) { return std::clamp<std::int64_t>(i < 0 ? i + rank : i, 0, rank); };
  const std::int64_t start = place(c.whole("start", 0));
  const std::int64_t end = std::max(start, place(c.whole("end", rank)));
  c.set(0, index_tensor({shape.begin() + start, shape.begin() + end}), ElementType::i64);
}

void run_flatten(Call& c) {
  const Tensor& x = c.in(0);
  std::int64_t axis = c.whole("axis", 1);
  if (axis < 0) axis += x.rank();
  if (axis < 0 || axis > x.rank())
    c.fail("axis {} is out of range for {} axes", c.whole("axis", 1), x.rank());
  std::int64_t rows = 1, cols = 1;
  for (int i = 0; i < x.rank(); ++i) (i < axis ? rows : cols) *= x.size(i);
  c.set(0, reshape(x, {rows, cols}), c.type(0));
}

// The axes of Squeeze and Unsqueeze: an attribute before operator set 13, an input since.
std::optional<std::vector<std::int64_t>> read_axes(const Call& c) {
  if (c.opset() < 13) return c.wholes("axes");
  return c.has(1) ? std::optional(c.wholes_in(1)) : std::nullopt;
}

void run_squeeze(Call& c) {
  const Tensor& x = c.in(0);
  const auto axes = read_axes(c);
  if (!axes.has_value()) return c.set(0, squeeze(x), c.type(0));
  if (axes->size() > kMaxRank) c.fail("{} axes are named", axes->size());
  Dims dims;
  for (const std::int64_t d : *axes) dims.push_back(c.axis(d, x.rank()));
  c.set(0, dims.empty() ? x : squeeze(x, dims), c.type(0));
}

void run_unsqueeze(Call& c) {
  const Tensor& x = c.in(0);
  const auto axes = read_axes(c);
  if (!axes.has_value()) c.fail("its axes are missing");
  const std::int64_t rank = x.rank() + static_cast<std::int64_t>(axes->size());
  if (rank > kMaxRank) c.unsupported("a tensor of {} axes; at most {} are supported", rank, kMaxRank);
  std::vector<bool> is_new(static_cast<std::size_t>(rank), false);
  for (const std::int64_t d : *axes) {
    const auto place = static_cast<std::size_t>(c.axis(d, rank));
    if (is_new[place]) c.fail("axis {} is named twice", d);
    is_new[place] = true;
  }
  Shape shape;
  int next = 0;
  for (const bool one : is_new) shape.push_back(one ? 1 : x.size(next++));
  c.set(0, reshape(x, shape), c.type(0));
}

void run_transpose(Call& c) {
  const Tensor& x = c.in(0);
  std::vector<std::int64_t> order(static_cast<std::size_t>(x.rank()));
  std::iota(order.rbegin(), order.rend(), 0);
  if (const auto perm = c.wholes("perm"); perm.has_value()) order = *perm;
  if (static_cast<int>(order.size()) != x.rank()) {
    c.fail("perm names {} axes of {}", order.size(), x.rank());
  }
  c.set(0, permute(x, Dims(order)), c.type(0));
}

void run_expand(Call& c) {
  const std::vector<std::int64_t> dims = c.wholes_in(1);
  const Shape wanted = c.made_up_shape(dims);
  c.set(0, expand(c.in(0), broadcast_shapes(c, c.in(0).shape(), wanted)), c.type(0));
}

void run_tile(Call& c) {
  const Tensor& x = c.in(0);
  std::vector<std::int64_t> repeats;
  if (c.opset() < 6) {
    repeats.assign(static_cast<std::size_t>(x.rank()), 1);
    repeats[static_cast<std::size_t>(c.axis(c.whole_in(2), x.rank()))] = c.whole_in(1);
  } else {
    repeats = c.wholes_in(1);
  }
  if (static_cast<int>(repeats.size()) != x.rank()) {
    c.fail("{} repeats are given for {} axes", repeats.size(), x.rank());
  }
  std::vector<std::int64_t> dims;
  for (std::size_t i = 0; i < repeats.size(); ++i) {
    std::int64_t size = 0;
    if (__builtin_mul_overflow(repeats[i], x.size(static_cast<int>(i)), &size)) size = INT64_MAX;
    dims.push_back(size);
  }
  c.made_up_shape(dims);
  c.set(0, tile(x, Shape(repeats)), c.type(0));
}

// Blocks of depth to squares of pixels and back. DCR: the block is the slowest part of the depth, CRD: the
// fastest.
void run_depth_to_space(Call& c) {
  const Tensor& x = c.in(0);
  const std::int64_t b = c.whole("blocksize");
  const std::string mode = c.text("mode", "DCR");
  if (x.rank() != 4) c.fail("its input has {} axes, not 4", x.rank());
  if (b < 1 || b > INT32_MAX || x.size(1) % (b * b) != 0)
    c.fail("blocksize {} does not divide depth {}", b, x.size(1));
  if (mode != "DCR" && mode != "CRD") c.fail("the mode \"{}\" is neither DCR nor CRD", mode);
  const std::int64_t n = x.size(0), depth = x.size(1) / (b * b), h = x.size(2), w = x.size(3);
  const Tensor y = mode == "DCR" ? permute(reshape(x, {n, b, b, depth, h, w}), {0, 3, 4, 1, 5, 2})
                                 : permute(reshape(x, {n, depth, b, b, h, w}), {0, 1, 4, 2, 5, 3});
  c.set(0, reshape(y, {n, depth, h * b, w * b}), c.type(0));
}

void run_space_to_depth(Call& c) {
  const Tensor& x = c.in(0);
  const std::int64_t b = c.whole("blocksize");
  if (x.rank() != 4) c.fail("its input has {} axes, not 4", x.rank());
  if (b < 1 || b > INT16_MAX || x.size(2) % b != 0 || x.size(3) % b != 0) {
    c.fail("blocksize {} does not divide {} x {}", b, x.size(2), x.size(3));
  }
  const std::int64_t n = x.size(0), depth = x.size(1), h = x.size(2) / b, w = x.size(3) / b;
  const Tensor y = permute(reshape(x, {n, depth, h, b, w, b}), {0, 3, 5, 1, 2, 4});
  c.set(0, reshape(y, {n, depth * b * b, h, w}), c.type(0));
}

void run_trilu(Call& c) {
  const Tensor& x = c.in(0);
  // Beyond any tensor's sizes it makes no difference.
  const std::int64_t k = std::clamp<std::int64_t>(c.has(1) ? c.whole_in(1) : 0, -kMaxElements, kMaxElements);
  c.set(0, c.flag("upper", true) ? triu(x, k) : tril(x, k), c.type(0));
}

constexpr Operator kOperators[] = {
    {"Reshape", run_reshape, 1, 2},
    {"Shape", run_shape, 1, 1},
    {"Size", [](Call& c) { c.set(0, full({}, c.in(0).numel(), DType::i64), ElementType::i64); }, 1, 1},
    {"Flatten", run_flatten, 1, 1},
    {"Squeeze", run_squeeze, 1, 2},
    {"Unsqueeze", run_unsqueeze, 1, 2},
    {"Transpose", run_transpose, 1, 1},
    {"Expand", run_expand, 2, 2},
    {"Tile", run_tile, 2, 3},
    {"DepthToSpace", run_depth_to_space, 1, 1},
    {"SpaceToDepth", run_space_to_depth, 1, 1},
    {"Trilu", run_trilu, 1, 2},
};

}  // namespace

std::span<const Operator> shape_operators() { return kOperators; }

}  // namespace gradus::onnx
