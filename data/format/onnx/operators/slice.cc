// Parts of a tensor by ranges.
#include <algorithm>

#include "gradus/data/format/onnx/call.h"
#include "gradus/data/format/onnx/operators.h"
#include "gradus/data/format/onnx/operators/integers.h"
#include "gradus/ops/indexing.h"
#include "gradus/ops/view.h"

namespace gradus::onnx {
namespace {

// x[start:end:step] along an axis, in Python's meaning.
Tensor slice_axis(const Call& c, const Tensor& x, std::int64_t axis, std::int64_t start, std::int64_t end,
                  std::int64_t step) {
  if (step == 0) c.fail("the step of axis {} is 0", axis);
  const std::int64_t n = x.size(static_cast<int>(axis));
  const auto from_end = [n](std::int64_t i) { return i < 0 ? i + n : i; };
  if (step > 0) {
    const std::int64_t from = std::clamp<std::int64_t>(from_end(start), 0, n);
    const std::int64_t to = std::clamp<std::int64_t>(from_end(end), from, n);
    return slice(x, axis, from, to, std::min(step, std::max<std::int64_t>(n, 1)));
  }
  // The same elements in rising order, turned around.
  const std::int64_t from = std::clamp<std::int64_t>(from_end(start), -1, n - 1);
  const std::int64_t to = std::clamp<std::int64_t>(from_end(end), -1, n - 1);
  if (from <= to) return slice(x, axis, 0, 0);
  const std::int64_t stride = step < -n ? n : -step;
  const std::int64_t count = (from - to - 1) / stride + 1;
  return flip(slice(x, axis, from - (count - 1) * stride, from + 1, stride), axis);
}

void run_slice(Call& c) {
  const Tensor& x = c.in(0);
  std::vector<std::int64_t> starts, ends, axes, steps;
  if (c.opset() < 10) {
    starts = c.wholes("starts").value_or(std::vector<std::int64_t>{});
    ends = c.wholes("ends").value_or(std::vector<std::int64_t>{});
    axes = c.wholes("axes").value_or(std::vector<std::int64_t>{});
  } else {
    starts = c.wholes_in(1);
    ends = c.wholes_in(2);
    if (c.has(3)) axes = c.wholes_in(3);
    if (c.has(4)) steps = c.wholes_in(4);
  }
  if (axes.empty()) {
    for (std::size_t i = 0; i < starts.size(); ++i) axes.push_back(static_cast<std::int64_t>(i));
  }
  if (steps.empty()) steps.assign(starts.size(), 1);
  if (ends.size() != starts.size() || axes.size() != starts.size() || steps.size() != starts.size()) {
    c.fail("{} starts, {} ends, {} axes and {} steps are given", starts.size(), ends.size(), axes.size(),
           steps.size());
  }
  Tensor y = x;
  std::vector<bool> seen(static_cast<std::size_t>(x.rank()), false);
  for (std::size_t i = 0; i < starts.size(); ++i) {
    const std::int64_t axis = c.axis(axes[i], x.rank());
    if (seen[static_cast<std::size_t>(axis)]) c.fail("axis {} is named twice", axes[i]);
    seen[static_cast<std::size_t>(axis)] = true;
    y = slice_axis(c, y, axis, starts[i], ends[i], steps[i]);
  }
  c.set(0, y, c.type(0));
}

// Of each sequence the first sequence_lens[b] elements in reverse order, the rest as it is.
void run_reverse_sequence(Call& c) {
  const Tensor& x = c.in(0);
  const std::int64_t time_axis = c.axis(c.whole("time_axis", 0), x.rank());
  const std::int64_t batch_axis = c.axis(c.whole("batch_axis", 1), x.rank());
  if (time_axis == batch_axis) c.fail("time and batch are the same axis {}", time_axis);
  const std::int64_t times = x.size(static_cast<int>(time_axis)),
                     batch = x.size(static_cast<int>(batch_axis));
  const std::vector<std::int64_t> lengths = c.wholes_in(1);
  if (static_cast<std::int64_t>(lengths.size()) != batch)
    c.fail("{} lengths are given for a batch of {}", lengths.size(), batch);
  std::vector<std::int64_t> from;
  for (std::int64_t b = 0; b < batch; ++b) {
    const std::int64_t length = lengths[static_cast<std::size_t>(b)];
    if (length < 0 || length > times) c.fail("length {} is not in 0 .. {}", length, times);
    for (std::int64_t t = 0; t < times; ++t) from.push_back(b * times + (t < length ? length - 1 - t : t));
  }
  const Tensor front = movedim(x, {batch_axis, time_axis}, {0, 1});
  const Tensor turned = index_select(flatten(front, 0, 1), 0, index_tensor(from));
  c.set(0, movedim(reshape(turned, front.shape()), {0, 1}, {batch_axis, time_axis}), c.type(0));
}

constexpr Operator kOperators[] = {
    {"Slice", run_slice, 1, 5},
    {"ReverseSequence", run_reverse_sequence, 2, 2},
};

}  // namespace

std::span<const Operator> slice_operators() { return kOperators; }

}  // namespace gradus::onnx
