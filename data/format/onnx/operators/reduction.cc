// Reductions over axes.
#include "gradus/ops/reduction.h"

#include "gradus/data/format/onnx/call.h"
#include "gradus/data/format/onnx/operators.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/view.h"

namespace gradus::onnx {
namespace {

struct Axes {
  Dims dims;  // empty: all
  bool keepdim;
  bool nothing = false;  // reduces over no axis
};

// ReduceSum takes its axes as an input from operator set 13 on, the others as an attribute.
Axes read_axes(const Call& c, bool as_input) {
  Axes a;
  a.keepdim = c.flag("keepdims", true);
  std::vector<std::int64_t> list;
  if (as_input) {
    a.nothing = c.flag("noop_with_empty_axes");
    if (c.has(1)) list = c.wholes_in(1);
    a.nothing &= list.empty();
  } else {
    list = c.wholes("axes").value_or(std::vector<std::int64_t>{});
  }
  if (list.size() > kMaxRank) c.fail("{} axes are named", list.size());
  for (const std::int64_t d : list) a.dims.push_back(c.axis(d, c.in(0).rank()));
  return a;
}

// In the type of the input: gradus adds up small integers in i64.
void set_as_input(Call& c, const Tensor& t) { c.set(0, astype(t, c.in(0).dtype()), c.type(0)); }

void run_sum(Call& c) {
  const Axes a = read_axes(c, c.opset() >= 13);
  if (a.nothing) return c.set(0, c.in(0), c.type(0));
  set_as_input(c, sum(c.in(0), a.dims, a.keepdim));
}

template <Tensor (*kOp)(Operand, const Dims&, bool)>
void run_reduction(Call& c) {
  const Axes a = read_axes(c, false);
  set_as_input(c, kOp(c.in(0), a.dims, a.keepdim));
}

template <Tensor (*kOp)(Operand)>
void run_sum_of(Call& c) {
  const Axes a = read_axes(c, false);
  set_as_input(c, sum(kOp(c.in(0)), a.dims, a.keepdim));
}

void run_l2(Call& c) {
  const Axes a = read_axes(c, false);
  c.set(0, norm(c.in(0), 2, a.dims, a.keepdim));
}

void run_log_sum(Call& c) {
  const Axes a = read_axes(c, false);
  c.set(0, log(sum(c.in(0), a.dims, a.keepdim)));
}

void run_place(Call& c, Tensor (*find)(Operand, std::int64_t, bool)) {
  const Tensor& x = c.in(0);
  const std::int64_t axis = c.axis(c.whole("axis", 0), x.rank());
  const bool keepdim = c.flag("keepdims", true);
  if (!c.flag("select_last_index")) return c.set(0, find(x, axis, keepdim), ElementType::i64);
  const std::int64_t last = x.size(static_cast<int>(axis)) - 1;
  c.set(0, sub(last, find(flip(x, axis), axis, keepdim)), ElementType::i64);
}

constexpr Operator kOperators[] = {
    {"ReduceSum", run_sum, 1, 2},
    {"ReduceMean", run_reduction<mean>, 1, 1},
    {"ReduceProd", run_reduction<prod>, 1, 1},
    {"ReduceMax", run_reduction<amax>, 1, 1},
    {"ReduceMin", run_reduction<amin>, 1, 1},
    {"ReduceL1", run_sum_of<abs>, 1, 1},
    {"ReduceSumSquare", run_sum_of<square>, 1, 1},
    {"ReduceL2", run_l2, 1, 1},
    {"ReduceLogSum", run_log_sum, 1, 1},
    {"ReduceLogSumExp", run_reduction<logsumexp>, 1, 1},
    {"ArgMax", [](Call& c) { run_place(c, argmax); }, 1, 1},
    {"ArgMin", [](Call& c) { run_place(c, argmin); }, 1, 1},
};

}  // namespace

std::span<const Operator> reduction_operators() { return kOperators; }

}  // namespace gradus::onnx
