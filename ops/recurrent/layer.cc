#include "gradus/ops/recurrent/layer.h"

#include <fmt/format.h>

#include <vector>

#include "gradus/base/format.h"
#include "gradus/base/parallel.h"
#include "gradus/ops/creation.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/elementwise/comparison.h"
#include "gradus/ops/join.h"
#include "gradus/ops/matmul.h"
#include "gradus/ops/pack.h"
#include "gradus/ops/view.h"

namespace gradus {

const char* nonlinearity_of(std::string_view name, const char* op, Location where) {
  if (name == "tanh") return "tanh";
  if (name == "relu") return "relu";
  throw_error<ValueError>(where, op, "the nonlinearity is \"{}\"; it is \"tanh\" or \"relu\"", name);
}

void require_fits(const InferContext& c, int i, const Shape& shape, DType dtype,
                  FunctionRef<std::string()> why) {
  if (c.dtype(i) != dtype) {
    c.dtype_error(fmt::format("{} has another dtype than it needs: {}: {}; convert it with astype()",
                              c.describe(i), why(), name(dtype)));
  }
  if (!(c.shape(i) == shape)) {
    c.shape_error(fmt::format("{} does not fit: {}, so it would be {}", c.describe(i), why(),
                              format_shape({shape.data(), static_cast<std::size_t>(shape.size())})));
  }
}

LayerSizes infer_layer(const InferContext& c, const LayerInputs& in) {
  c.require_floating(0);
  if (c.rank(0) != 3) c.shape_error(fmt::format("x has the axes [steps, batch, inputs]: {}", c.describe(0)));
  if (c.dim(0, 0) == 0) c.shape_error(fmt::format("x has no steps: {}", c.describe(0)));
  const DType dtype = c.dtype(0);
  const int w_hh = in.w_hh(), w_ih = in.w_ih();
  if (c.rank(w_hh) != 2 || c.dim(w_hh, 0) / in.gates != c.dim(w_hh, 1) || c.dim(w_hh, 0) % in.gates != 0) {
    c.shape_error(fmt::format("w_hh has the axes [{}hidden, hidden]: {}",
                              in.gates == 1 ? "" : fmt::format("{} ", in.gates), c.describe(w_hh)));
  }
  const LayerSizes s{c.dim(0, 0), c.dim(0, 1), c.dim(0, 2), c.dim(w_hh, 1)};
  const std::int64_t rows = c.dim(w_hh, 0);
  const auto units = [&] { return fmt::format("w_hh is for {} hidden units", s.hidden); };
  const auto samples = [&] { return fmt::format("x has {} samples", s.batch); };
  const auto of_inputs = [&] { return fmt::format("{} and x has {} inputs", units(), s.inputs); };
  const auto of_states = [&] { return fmt::format("{} and {}", samples(), units()); };
  require_fits(c, w_hh, {rows, s.hidden}, dtype, [] { return std::string("x is of dtype"); });
  require_fits(c, w_ih, {rows, s.inputs}, dtype, of_inputs);
  for (int i = 1; i <= in.states; ++i) require_fits(c, i, {s.batch, s.hidden}, dtype, of_states);
  for (int i = 0; i < in.biases; ++i) require_fits(c, w_hh + 1 + i, {rows}, dtype, units);
  require_fits(c, in.lengths(), {s.batch}, DType::i64, samples);
  return s;
}

void set_layer_scratch(InferContext& c, std::size_t extra) {
  // An expanded weight may have more elements than any memory; below the limit no sum overflows.
  constexpr std::int64_t kMost = std::int64_t{1} << 55;
  for (int i = 0; i < c.size(); ++i) {
    if (c.numel(i) > kMost) c.shape_error(fmt::format("{} has too many elements", c.describe(i)));
    extra += pack_room(c.impl(i));
  }
  c.set_scratch(extra);
}

const std::int64_t* checked_lengths(const KernelContext& c, int input, const View& lengths,
                                    std::int64_t steps) {
  const auto* v = lengths.as<const std::int64_t>();
  bool all = true;
  for (std::int64_t i = 0; i < lengths.numel; ++i) {
    if (v[i] < 0 || v[i] > steps) {
      c.fail_value(fmt::format("length {} at [{}] of {} is outside 0..{}: x has {} steps", v[i], i,
                               c.op->inputs[static_cast<std::size_t>(input)], steps, steps));
    }
    all = all && v[i] == steps;
  }
  return all ? nullptr : v;
}

void for_samples(std::int64_t batch, std::int64_t work, FunctionRef<void(std::int64_t, std::int64_t)> f) {
  // Below this many multiplications a fork costs more than it gains; and fewer samples than a few rows would
  // each read the whole weight.
  constexpr std::int64_t kWork = std::int64_t{1} << 20, kRows = 4;
  parallel_for(batch, std::max(kRows, kWork / std::max<std::int64_t>(1, work)), f);
}

namespace {

template <class T>
void add_all(void* to, const void* from, std::int64_t n) {
  auto* t = static_cast<T*>(to);
  const auto* f = static_cast<const T*>(from);
  for (std::int64_t i = 0; i < n; ++i) t[i] += f[i];
}

}  // namespace

void add_elements(void* to, const void* from, std::int64_t n, DType dtype) {
  if (from == nullptr) return;
  if (dtype == DType::f32)
    add_all<float>(to, from, n);
  else
    add_all<double>(to, from, n);
}

bool is_zero_view(const View& v) {
  if (v.strides == nullptr || std::any_of(v.strides, v.strides + v.rank, [](auto s) { return s != 0; })) {
    return false;
  }
  return v.dtype == DType::f32 ? *v.as<const float>() == 0 : *v.as<const double>() == 0;
}

const void* packed_or_null(const View& v, std::byte** scratch) {
  return is_zero_view(v) ? nullptr : pack(v, scratch).data;
}

Tensor zero_view(const Shape& shape, DType dtype) { return expand(zeros({}, dtype), shape); }

Tensor grad_or_zero_view(const RuleContext& c, int output, DType dtype) {
  return c.has_grad(output) ? c.grad(output) : zero_view(c.output_shape(output), dtype);
}

Tensor rows_of_steps(const Tensor& x) {
  const Shape s = x.shape();
  return reshape(x, {s[0] * s[1], s[2]});
}

Tensor recurrent_weight_gradient(const Tensor& da, const Tensor& hidden, const Tensor& h0, bool reverse) {
  const std::int64_t steps = da.shape()[0];
  Tensor first = matmul(select(da, 0, reverse ? steps - 1 : 0), h0, {.trans_a = true});
  if (steps == 1) return first;
  const Tensor later = reverse ? slice(da, 0, 0, steps - 1) : slice(da, 0, 1);
  const Tensor before = reverse ? slice(hidden, 0, 1) : slice(hidden, 0, 0, steps - 1);
  return add(matmul(rows_of_steps(later), rows_of_steps(before), {.trans_a = true}), first);
}

Tensor active_samples(const Tensor& lengths, std::int64_t t, std::int64_t steps) {
  const std::vector<std::int64_t> v = lengths.to_vector<std::int64_t>();
  if (std::all_of(v.begin(), v.end(), [steps](std::int64_t n) { return n == steps; })) return {};
  Tensor mask = empty({static_cast<std::int64_t>(v.size()), 1}, DType::boolean);
  auto* m = static_cast<std::uint8_t*>(mask.view().data);
  for (std::size_t i = 0; i < v.size(); ++i) m[i] = t < v[i];
  return mask;
}

Tensor choose(const Tensor& active, const Tensor& a, const Tensor& b) {
  return active.defined() ? where(active, a, b) : a;
}

Tensor stack_steps(std::span<const Tensor> parts, bool reverse) {
  if (!reverse) return stack(parts, 0);
  std::vector<Tensor> turned(parts.begin(), parts.end());
  std::reverse(turned.begin(), turned.end());
  return stack(turned, 0);
}

}  // namespace gradus
