// pad: more elements at the ends of axes, or fewer. Place i of an axis, counted from its first element, reads
//   constant: the value    reflect: -i, then 2(n-1) - i    replicate: the nearest    circular: i mod n
// Derivative: of constant padding the part of the cotangent that x became (padding by the negative numbers);
// else each cotangent added at the place that was read (pad_backward).
#include "gradus/ops/join/pad.h"

#include <algorithm>
#include <cstring>

#include "gradus/base/format.h"
#include "gradus/base/parallel.h"
#include "gradus/graph/describe.h"
#include "gradus/graph/samples.h"
#include "gradus/ops/creation/values.h"
#include "gradus/ops/kernels/copy.h"
#include "gradus/ops/view/attrs.h"

namespace gradus {

extern const OpDef op_pad;

namespace {

constexpr const char* kModeNames[] = {"constant", "reflect", "replicate", "circular"};

std::string text_of(const Dims& d) { return format_shape({d.data(), static_cast<std::size_t>(d.size())}); }

void infer(InferContext& c) {
  const auto& a = c.attrs<PadAttrs>();
  const int rank = c.rank(0);
  if (a.before.size() != rank || a.after.size() != rank) {
    c.shape_error(fmt::format("takes one number an axis before and after: {} and {} for {}",
                              text_of(a.before), text_of(a.after), c.describe(0)));
  }
  const PadMode mode = to_pad_mode(a.mode);
  if (mode != PadMode::constant && a.value != 0) {
    c.value_error(fmt::format("mode {} takes no value, but it is {}: {}", a.mode, a.value, c.describe(0)));
  }
  Shape shape;
  std::int64_t scratch = 0;
  for (int i = 0; i < rank; ++i) {
    const std::int64_t n = c.dim(0, i), before = a.before[i], after = a.after[i];
    const std::int64_t most = mode == PadMode::reflect ? n - 1 : n;
    if ((mode == PadMode::reflect || mode == PadMode::circular) && (before > 0 || after > 0) &&
        (before > most || after > most)) {
      c.shape_error(fmt::format("{} padding of axis {} of {} by {} and {}: at most {}", a.mode, i,
                                c.describe(0), before, after, std::max<std::int64_t>(most, 0)));
    }
    if (mode == PadMode::replicate && n == 0 && (before > 0 || after > 0)) {
      c.shape_error(fmt::format("axis {} of {} has no element to replicate", i, c.describe(0)));
    }
    std::int64_t size = 0;
    if (__builtin_add_overflow(n, before, &size) || __builtin_add_overflow(size, after, &size) || size < 0 ||
        before < -n || after < -n) {
      c.shape_error(
          fmt::format("axis {} of {} padded by {} and {} has no size", i, c.describe(0), before, after));
    }
    shape.push_back(size);
    scratch += size;
  }
  c.set_out(0, c.dtype(0), shape);
  c.set_scratch(static_cast<std::size_t>(scratch) * sizeof(std::int64_t));
}

// Rows of the result, from rows of x or from nothing. The maps tell where each place of an axis reads.
template <class T>
void pad_rows(const View& x, const View& out, const std::int64_t* const* maps, const std::int64_t* strides,
              std::int64_t before, T value) {
  const int last = out.rank - 1;
  const std::int64_t n = out.dims[last], step = strides[last];
  const std::int64_t* map = maps[last];
  // The part in the middle, where the map counts up.
  const std::int64_t begin_middle = std::clamp<std::int64_t>(before, 0, n);
  const std::int64_t end_middle = std::clamp<std::int64_t>(before + x.dims[last], begin_middle, n);
  const std::int64_t rows = out.numel / n;
  parallel_for(rows, std::max<std::int64_t>(1, 32 * 1024 / n), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) {
      T* to = out.as<T>() + r * n;
      const T* from = x.as<const T>();
      bool outside = false;
      std::int64_t rest = r;
      for (int i = last - 1; i >= 0; --i) {
        const std::int64_t at = maps[i][rest % out.dims[i]];
        rest /= out.dims[i];
        if (at < 0)
          outside = true;
        else
          from += at * strides[i];
      }
      if (outside) {
        std::fill_n(to, n, value);
        continue;
      }
      for (std::int64_t j = 0; j < begin_middle; ++j) to[j] = map[j] < 0 ? value : from[map[j] * step];
      if (begin_middle < end_middle) {
        const T* middle = from + map[begin_middle] * step;
        if (step == 1) {
          std::memcpy(to + begin_middle, middle,
                      static_cast<std::size_t>(end_middle - begin_middle) * sizeof(T));
        } else {
          for (std::int64_t j = begin_middle; j < end_middle; ++j) to[j] = middle[(j - begin_middle) * step];
        }
      }
      for (std::int64_t j = end_middle; j < n; ++j) to[j] = map[j] < 0 ? value : from[map[j] * step];
    }
  });
}

void kernel(KernelContext& c) {
  const auto& a = c.attrs<PadAttrs>();
  const View& x = c.in[0];
  const View& out = c.out[0];
  if (out.numel == 0) return;
  if (out.rank == 0) return kernels::copy(x, out);
  const std::int64_t* maps[kMaxRank];
  fill_pad_maps(a.mode, a.before, x, out, static_cast<std::int64_t*>(c.scratch), maps);
  std::int64_t strides[kMaxRank];
  strides_of(x, strides);
  // Only moves: an unsigned type of the size will do.
  std::uint64_t bits = 0;
  with_type(x.dtype, [&]<class T>(T) {
    const T value = static_cast<T>(x.dtype == DType::boolean ? a.value != 0 : a.value);
    std::memcpy(&bits, &value, sizeof(T));
  });
  const auto run = [&]<class T>(T value) {
    pad_rows<T>(x, out, maps, strides, a.before[out.rank - 1], value);
  };
  switch (size_of(x.dtype)) {
    case 1:
      return run(static_cast<std::uint8_t>(bits));
    case 2:
      return run(static_cast<std::uint16_t>(bits));
    case 4:
      return run(static_cast<std::uint32_t>(bits));
    default:
      return run(bits);
  }
}

void rule(RuleContext& c) {
  const auto& a = c.attrs<PadAttrs>();
  if (to_pad_mode(a.mode) != PadMode::constant)
    return c.set(0, pad_backward(c.grad(), {a.before, a.after, a.mode, c.input_shape(0)}));
  PadAttrs back;
  for (std::int64_t n : a.before) back.before.push_back(-n);
  for (std::int64_t n : a.after) back.after.push_back(-n);
  c.set(0, apply(op_pad, {c.grad()}, back));
}

void samples(SampleSink& s) {
  s.add({s.values({3, 4})}, PadAttrs{{0, 1}, {0, 2}, "constant", 1.5});
  s.add({s.values({2, 3, 2})}, PadAttrs{{1, 0, 2}, {0, 1, 0}, "constant", 0});
  s.add({s.values({4, 5})}, PadAttrs{{-1, 2}, {1, -2}, "constant", 3}, {.note = "elements taken away"});
  s.add({s.values({4})}, PadAttrs{{-1}, {-2}, "constant", 0}, {.note = "only taken away"});
  s.add({s.values({0, 2})}, PadAttrs{{1, 0}, {1, 1}, "constant", 2}, {.note = "from nothing"});
  s.add({s.values({2, 3, 4})}, PadAttrs{{0, 2, 3}, {0, 1, 2}, "reflect", 0});
  s.add({s.values({4, 3})}, PadAttrs{{-1, 1}, {2, 0}, "reflect", 0}, {.note = "taken away and mirrored"});
  s.add({s.values({2, 3})}, PadAttrs{{3, 1}, {1, 5}, "replicate", 0});
  s.add({s.values({1})}, PadAttrs{{2}, {2}, "replicate", 0}, {.note = "size 1"});
  s.add({s.values({2, 3})}, PadAttrs{{2, 1}, {1, 3}, "circular", 0});
  s.add({s.values({})}, PadAttrs{{}, {}, "constant", 0}, {.note = "scalar"});
  s.add({s.values({0, 2})}, PadAttrs{{0, 1}, {0, 1}, "reflect", 0}, {.note = "empty"});
  s.add({SampleSink::i64({2}, {3, 4})}, PadAttrs{{1}, {1}, "constant", -7}, {.note = "integers"});
  s.add_error({s.values({2, 3})}, PadAttrs{{1}, {1}, "constant", 0},
              "pad: takes one number an axis before and after: [1] and [1] for x [2, 3] f64");
  s.add_error({s.values({2, 3})}, PadAttrs{{0, 3}, {0, 0}, "reflect", 0},
              "pad: reflect padding of axis 1 of x [2, 3] f64 by 3 and 0: at most 2");
  s.add_error({s.values({2, 3})}, PadAttrs{{0, 0}, {0, 4}, "circular", 0},
              "pad: circular padding of axis 1 of x [2, 3] f64 by 0 and 4: at most 3");
  s.add_error({s.values({0})}, PadAttrs{{1}, {0}, "replicate", 0},
              "pad: axis 0 of x [0] f64 has no element to replicate");
  s.add_error({s.values({3})}, PadAttrs{{-2}, {-2}, "constant", 0},
              "pad: axis 0 of x [3] f64 padded by -2 and -2 has no size");
  s.add_error({s.values({3})}, PadAttrs{{1}, {1}, "reflect", 2},
              "pad: mode reflect takes no value, but it is 2: x [3] f64");
}

constexpr const char* kInputs[] = {"x"};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(PadAttrs, before, nullptr), GRADUS_ATTR(PadAttrs, after, nullptr),
                              GRADUS_ATTR(PadAttrs, mode, "constant"), GRADUS_ATTR(PadAttrs, value, "0")};

}  // namespace

PadMode to_pad_mode(const char* name) {
  for (int k = 0; k < 4; ++k) {
    if (std::strcmp(name, kModeNames[k]) == 0) return static_cast<PadMode>(k);
  }
  throw_error<ValueError>({}, "pad", "there is no mode {}", name);
}

namespace {

// Where the place i of an axis of size n, counted from its first element and perhaps outside, reads from; -1:
// nowhere.
std::int64_t pad_source(PadMode mode, std::int64_t i, std::int64_t n) {
  if (i >= 0 && i < n) return i;
  switch (mode) {
    case PadMode::constant:
      return -1;
    case PadMode::reflect:
      return i < 0 ? -i : 2 * (n - 1) - i;
    case PadMode::replicate:
      return i < 0 ? 0 : n - 1;
    case PadMode::circular:
      return i < 0 ? i + n : i - n;
  }
  return -1;
}

}  // namespace

void fill_pad_maps(const char* mode, const Dims& before, const View& source, const View& padded,
                   std::int64_t* scratch, const std::int64_t** maps) {
  const PadMode m = to_pad_mode(mode);
  for (int i = 0; i < padded.rank; ++i) {
    maps[i] = scratch;
    for (std::int64_t j = 0; j < padded.dims[i]; ++j)
      *scratch++ = pad_source(m, j - before[i], source.dims[i]);
  }
}

extern constinit const OpDef op_pad = {
    .name = "pad",
    .doc = "more elements at the ends of axes: a value, mirrored, the edge's, or from the other end",
    .inputs = kInputs,
    .attrs = kAttrs,
    .flags = kAnyDtype,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .onnx = "Pad",
    .formula = "y[i + before] = x[i]",
};

Tensor pad(Operand x, std::span<const std::int64_t> pads, const PadOptions& options) {
  if (x.impl == nullptr) x.fail_undefined();
  const int rank = x.impl->rank;
  if (pads.size() % 2 != 0) {
    throw_error<ValueError>(x.where, "pad", "{} numbers; each axis takes two, before and after: {} for x {}",
                            pads.size(), format_shape(pads), describe(*x.impl));
  }
  if (pads.size() > 2 * static_cast<std::size_t>(rank)) {
    throw_error<ShapeError>(x.where, "pad", "{} numbers are for {} axes, but x {} has {}", pads.size(),
                            pads.size() / 2, describe(*x.impl), rank);
  }
  PadAttrs attrs;
  attrs.mode = kModeNames[static_cast<int>(options.mode)];
  for (int i = 0; i < rank; ++i) {
    const auto k = 2 * static_cast<std::size_t>(rank - 1 - i);
    attrs.before.push_back(k < pads.size() ? pads[k] : 0);
    attrs.after.push_back(k < pads.size() ? pads[k + 1] : 0);
  }
  // Errors of a value that the dtype cannot hold are those of any number beside a tensor.
  scalar_like(x, options.value, "pad");
  attrs.value = options.value.value;
  if (options.value.is_integer && x.impl->dtype == DType::i64 &&
      (attrs.value >= 0x1p63 || static_cast<std::int64_t>(attrs.value) != options.value.integer)) {
    throw_error<ValueError>(x.where, "pad", "the value {} is too large to be padded with exactly (x {})",
                            options.value.integer, describe(*x.impl));
  }
  return apply(op_pad, {x}, attrs);
}

}  // namespace gradus
