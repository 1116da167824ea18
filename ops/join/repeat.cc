// repeat: x side by side several times along each axis; more repeats than axes make new axes in front.
// Derivative: the cotangents of the copies added up, one axis after the other.
#include <algorithm>
#include <cstring>

#include "gradus/base/format.h"
#include "gradus/base/parallel.h"
#include "gradus/graph/samples.h"
#include "gradus/ops/join/pad.h"
#include "gradus/ops/kernels/copy.h"
#include "gradus/ops/reduction.h"
#include "gradus/ops/view.h"

namespace gradus {
namespace {

std::string text_of(const Shape& s) { return format_shape({s.data(), static_cast<std::size_t>(s.rank())}); }

void infer(InferContext& c) {
  const Shape& repeats = c.attrs<RepeatAttrs>().repeats;
  const int lead = repeats.rank() - c.rank(0);
  if (lead < 0) {
    c.shape_error(fmt::format("{} repeats {} for {} axes; give one an axis: {}", repeats.rank(),
                              text_of(repeats), c.rank(0), c.describe(0)));
  }
  Shape shape;
  for (int i = 0; i < repeats.rank(); ++i) {
    if (repeats[i] < 0)
      c.value_error(fmt::format("{} has the number {}: {}", text_of(repeats), repeats[i], c.describe(0)));
    std::int64_t size = i < lead ? 1 : c.dim(0, i - lead);
    if (__builtin_mul_overflow(size, repeats[i], &size)) {
      c.shape_error(
          fmt::format("{} repeated {} times has too many elements", c.describe(0), text_of(repeats)));
    }
    shape.push_back(size);
  }
  c.set_out(0, c.dtype(0), shape);
}

// The first copy goes to the corner of the result; then from the last axis to the first what an axis holds is
// one run of memory, which is written again behind itself.
void kernel(KernelContext& c) {
  constexpr std::int64_t kGrainBytes = 256 * 1024;  // about a core's share of L2
  const View& out = c.out[0];
  if (out.numel == 0) return;
  const Shape& repeats = c.attrs<RepeatAttrs>().repeats;
  const int lead = out.rank - c.in[0].rank;
  std::int64_t dims[kMaxRank], strides[kMaxRank];
  std::int64_t step = 1;
  for (int i = out.rank - 1; i >= 0; --i) {
    dims[i] = i < lead ? 1 : c.in[0].dims[i - lead];
    strides[i] = step;
    step *= out.dims[i];
  }
  kernels::copy(c.in[0], View{out.data, dims, strides, c.in[0].numel, out.rank, out.dtype});
  const auto bytes = static_cast<std::int64_t>(size_of(out.dtype));
  std::int64_t corner = 1;  // places of the axes before axis i that hold something yet
  for (int i = 0; i < out.rank; ++i) corner *= dims[i];
  for (int i = out.rank - 1; i >= 0; --i) {
    corner /= dims[i];
    const std::int64_t copies = repeats[i] - 1;
    const std::int64_t run = dims[i] * strides[i] * bytes;
    if (copies == 0) continue;
    parallel_for(corner * copies, std::max<std::int64_t>(1, kGrainBytes / run),
                 [&](std::int64_t begin, std::int64_t end) {
                   for (std::int64_t k = begin; k < end; ++k) {
                     std::int64_t place = k / copies, offset = 0;
                     for (int a = i - 1; a >= 0; --a) {
                       offset += place % dims[a] * strides[a];
                       place /= dims[a];
                     }
                     std::byte* first = static_cast<std::byte*>(out.data) + offset * bytes;
                     std::memcpy(first + (k % copies + 1) * run, first, static_cast<std::size_t>(run));
                   }
                 });
  }
}

void rule(RuleContext& c) {
  const Shape& repeats = c.attrs<RepeatAttrs>().repeats;
  const Shape shape = c.input_shape(0);
  const int lead = repeats.rank() - shape.rank();
  Tensor g = c.grad();
  // What is summed already, the repeats and the size of this axis, and the rest: four axes, so that the most
  // axes are enough.
  std::int64_t outer = 1, inner = g.numel();
  // No copy of an element gives it the gradient 0.
  if (inner == 0) return c.set(0, expand(reshape(sum(g), {}), shape));
  for (int i = 0; i < repeats.rank(); ++i) {
    const std::int64_t size = i < lead ? 1 : shape[i - lead];
    inner /= repeats[i] * size;
    if (repeats[i] != 1) g = sum(reshape(g, {outer, repeats[i], size, inner}), 1);
    outer *= size;
  }
  c.set(0, reshape(g, shape));
}

void samples(SampleSink& s) {
  s.add({s.values({3})}, RepeatAttrs{{2}});
  s.add({s.values({2, 3})}, RepeatAttrs{{3, 2}});
  s.add({s.values({2, 3})}, RepeatAttrs{{2, 1, 2}}, {.note = "a new axis"});
  s.add({s.values({2, 1, 3})}, RepeatAttrs{{1, 4, 1}});
  s.add({s.values({})}, RepeatAttrs{{2, 2}}, {.note = "scalar"});
  s.add({s.values({})}, RepeatAttrs{{}}, {.note = "no axis"});
  s.add({s.values({1, 1})}, RepeatAttrs{{1, 1}}, {.note = "once"});
  s.add({s.values({2, 3})}, RepeatAttrs{{0, 2}}, {.note = "never"});
  s.add({s.values({2, 0})}, RepeatAttrs{{2, 3}}, {.note = "empty"});
  s.add({s.values({1, 1, 1, 2, 1, 1, 1, 2})}, RepeatAttrs{{2, 1, 1, 1, 1, 1, 2, 2}}, {.note = "eight axes"});
  s.add({SampleSink::i64({2}, {3, 4})}, RepeatAttrs{{2}}, {.note = "integers"});
  s.add_error({s.values({2, 3})}, RepeatAttrs{{2}},
              "repeat: 1 repeats [2] for 2 axes; give one an axis: x [2, 3] f64");
  s.add_error({s.values({2})}, RepeatAttrs{{-1}}, "repeat: [-1] has the number -1: x [2] f64");
  s.add_error({s.values({2})}, RepeatAttrs{{std::int64_t{1} << 62}},
              "repeat: x [2] f64 repeated [4611686018427387904] times has too many elements");
}

constexpr const char* kInputs[] = {"x"};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(RepeatAttrs, repeats, nullptr)};

}  // namespace

extern constinit const OpDef op_repeat = {
    .name = "repeat",
    .doc = "x side by side several times along each axis",
    .inputs = kInputs,
    .attrs = kAttrs,
    .flags = kAnyDtype,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .onnx = "Tile",
    .formula = "y[i] = x[i mod n]",
};

Tensor repeat(Operand x, const Shape& repeats) { return apply(op_repeat, {x}, RepeatAttrs{repeats}); }

Tensor tile(Operand x, const Shape& repeats) {
  Shape all;
  const int rank = x.impl == nullptr ? 0 : x.impl->rank;
  for (int i = repeats.rank(); i < rank; ++i) all.push_back(1);
  for (std::int64_t r : repeats) all.push_back(r);
  return apply(op_repeat, {x}, RepeatAttrs{all});
}

}  // namespace gradus
