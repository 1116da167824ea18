// Pooling and resampling. What a runtime may count otherwise (the last window with ceil_mode, divisors beside
// the padding) is settled here: the sizes are known, so windows are written with the padding that makes them.
#include <algorithm>
#include <limits>

#include "gradus/data/format/onnx/emit.h"
#include "gradus/data/format/onnx/writers.h"
#include "gradus/ops/creation.h"

namespace gradus::onnx {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

// The windows of one axis.
struct Axis {
  std::int64_t in, out, kernel, stride, dilation, before, after;
  // The padding behind for which rounding down gives `out` windows.
  std::int64_t end() const {
    return std::max<std::int64_t>(0, (out - 1) * stride + (kernel - 1) * dilation + 1 - in - before);
  }
};

std::vector<Axis> axes_of(const Emit& e, std::size_t spatial) {
  std::vector<Axis> all(spatial);
  const Shape out = e.out_shape();
  for (std::size_t i = 0; i < spatial; ++i) {
    const int axis = e.rank() - static_cast<int>(spatial) + static_cast<int>(i);
    all[i].in = e.size(axis);
    all[i].out = out[axis];
    all[i].dilation = 1;
  }
  return all;
}

std::vector<Axis> windows(const Emit& e, bool has_dilation) {
  const List kernel = e.list("kernel"), stride = e.list("stride"), before = e.list("before"),
             after = e.list("after"), dilation = has_dilation ? e.list("dilation") : List(kernel.size(), 1);
  std::vector<Axis> all = axes_of(e, kernel.size());
  for (std::size_t i = 0; i < all.size(); ++i) {
    all[i].kernel = kernel[i];
    all[i].stride = stride[i];
    all[i].dilation = dilation[i];
    all[i].before = before[i];
    all[i].after = after[i];
  }
  return all;
}

// Adaptive windows, where all of an axis are of one size. Empty where they are not.
std::vector<Axis> even_windows(const Emit& e) {
  std::vector<Axis> all = axes_of(e, e.list("output_size").size());
  for (Axis& a : all) {
    if (a.in % a.out != 0) return {};
    a.kernel = a.stride = a.in / a.out;
    a.before = a.after = 0;
  }
  return all;
}

bool is_batched(const Emit& e, std::size_t spatial) { return e.rank() == static_cast<int>(spatial) + 2; }

// x with a batch axis, which the operators ask for; and without.
Id batched(Emit& e, Id x, std::size_t spatial) {
  return is_batched(e, spatial) ? x : e.op("Unsqueeze", {x, e.wholes({0})});
}
Id unbatched(Emit& e, Id y, std::size_t spatial) {
  return is_batched(e, spatial) ? y : e.op("Squeeze", {y, e.wholes({0})});
}

// kernel_shape and so on, with x padded where runtimes do not take so much padding.
std::vector<Attribute> attributes(Emit& e, const std::vector<Axis>& axes, bool dilates, double outside,
                                  Id* x) {
  List kernel, strides, dilations, before, after;
  bool is_large = false;
  for (const Axis& a : axes) {
    kernel.push_back(a.kernel);
    strides.push_back(a.stride);
    dilations.push_back(a.dilation);
    before.push_back(a.before);
    after.push_back(a.end());
    is_large |= a.before >= a.kernel || a.end() >= a.kernel;
  }
  if (is_large) {
    List all{0, 0};
    all.insert(all.end(), before.begin(), before.end());
    all.insert(all.end(), {0, 0});
    all.insert(all.end(), after.begin(), after.end());
    *x = e.op("Pad", {*x, e.wholes(all), e.number(outside)});
    std::fill(before.begin(), before.end(), 0);
    std::fill(after.begin(), after.end(), 0);
  }
  before.insert(before.end(), after.begin(), after.end());
  std::vector<Attribute> result{list("kernel_shape", kernel), list("strides", strides), list("pads", before)};
  if (dilates) result.push_back(list("dilations", dilations));
  return result;
}

bool only_indices_read(const Emit& e) {
  const auto& readers = e.readers(1);
  return std::all_of(readers.begin(), readers.end(), [](const OpCall* c) {
    return c != nullptr && std::string_view(c->op->name) == "max_pool_indices";
  });
}

void max_windows(Emit& e, const std::vector<Axis>& axes) {
  const bool is_whole = !is_floating(e.dtype());
  if (e.dtype() == DType::i64 && e.out_dtype() == DType::i64) {
    e.refuse("runtimes do not pool i64; convert with astype()");
  }
  if (!only_indices_read(e)) e.leave_out(1, "the places within windows have no counterpart");
  Id x = is_whole ? e.cast(e.in(0), DType::f64) : e.in(0);  // exact for 32 bits
  x = batched(e, x, axes.size());
  const Id unpadded = x;
  const std::vector<Attribute> attrs = attributes(e, axes, true, -kInf, &x);
  if (e.wants(1) && x != unpadded) e.refuse("places of windows with a padding as large as they are");
  const auto y = e.ops("MaxPool", {x}, e.wants(1) ? 2 : 1, attrs);
  const Id value = unbatched(e, y[0], axes.size());
  e.set(0, is_whole ? e.cast(value, e.dtype()) : value);
  // Numbers in the whole tensor, of which max_pool_indices makes those in a channel.
  if (e.wants(1)) e.set_marked(1, unbatched(e, y[1], axes.size()));
}

void max_pool(Emit& e) { max_windows(e, windows(e, true)); }

void max_pool_indices(Emit& e) {
  if (!e.is_marked(0)) e.refuse("its operand comes from no max_pool of the trace");
  const List shape = e.list("shape");
  const std::size_t adaptive = e.list("output_size").size();
  const std::size_t spatial = adaptive > 0 ? adaptive : e.list("kernel").size();
  std::int64_t channel = 1;
  for (std::size_t i = shape.size() - spatial; i < shape.size(); ++i) channel *= shape[i];
  e.set(e.op("Mod", {e.in(0), e.index(channel)}));
}

// One axis after the other: for each window the part that it reads.
void adaptive_max_pool(Emit& e) {
  if (const std::vector<Axis> even = even_windows(e); !even.empty()) return max_windows(e, even);
  if (e.dtype() == DType::boolean) e.refuse("it pools bools");
  e.leave_out(1, "the places in windows of several sizes have no counterpart");
  Id x = e.in(0);
  const std::size_t spatial = e.list("output_size").size();
  const std::vector<Axis> axes = axes_of(e, spatial);
  for (std::size_t i = 0; i < spatial; ++i) {
    const Axis& a = axes[i];
    const std::int64_t axis = e.rank() - static_cast<std::int64_t>(spatial) + static_cast<std::int64_t>(i);
    std::vector<Id> parts;
    for (std::int64_t o = 0; o < a.out; ++o) {
      const std::int64_t start = o * a.in / a.out, end = ((o + 1) * a.in + a.out - 1) / a.out;
      parts.push_back(e.reduce("ReduceMax", e.slice(x, axis, start, end), {axis}, true));
    }
    x = e.op("Concat", parts, {whole("axis", axis)});
  }
  e.set(x);
}

void avg_pool(Emit& e) {
  const std::vector<Axis> axes = windows(e, false);
  const std::size_t spatial = axes.size();
  const bool counts = e.flag("count_include_pad");
  const auto override = static_cast<double>(e.whole("divisor_override"));
  bool plain = override == 0;
  double places = 1;
  for (const Axis& a : axes) {
    plain &= a.end() <= a.after && a.before < a.kernel && a.end() < a.kernel;
    places *= static_cast<double>(a.kernel);
  }
  Id x = batched(e, e.in(0), spatial);
  std::vector<Attribute> attrs = attributes(e, axes, false, 0, &x);
  attrs.push_back(whole("count_include_pad", plain && !counts ? 0 : 1));
  Id y = e.op("AveragePool", {x}, attrs);
  if (!plain) {
    // The sums, each by its divisor.
    Id divisors = kNone;
    if (override != 0) {
      divisors = e.number(override / places);
    } else {
      Shape shape{1, 1};
      for (std::size_t i = 0; i < spatial; ++i) shape.push_back(axes[i].out);
      Tensor table = full(shape, 1 / places, DType::f64);
      const std::span<double> values = table.mutable_span<double>();
      std::int64_t inner = table.numel();
      for (const Axis& a : axes) {
        inner /= std::max<std::int64_t>(a.out, 1);
        for (std::size_t k = 0; k < values.size(); ++k) {
          const std::int64_t o = static_cast<std::int64_t>(k) / inner % a.out;
          const std::int64_t start = o * a.stride - a.before, end = start + a.kernel;
          const std::int64_t most = counts ? a.in + a.after : a.in;
          values[k] *=
              static_cast<double>(std::min(end, most) - std::max<std::int64_t>(start, counts ? start : 0));
        }
      }
      divisors = e.cast(e.constant(table), e.dtype());
    }
    y = e.div(y, divisors);
  }
  e.set(unbatched(e, y, spatial));
}

void adaptive_avg_pool(Emit& e) {
  const std::size_t spatial = e.list("output_size").size();
  const std::vector<Axis> even = even_windows(e);
  if (!even.empty()) {
    Id x = batched(e, e.in(0), spatial);
    const std::vector<Attribute> attrs = attributes(e, even, false, 0, &x);
    return e.set(unbatched(e, e.op("AveragePool", {x}, attrs), spatial));
  }
  // Each axis by a matrix of the parts that places have in windows.
  Id x = e.in(0);
  const std::vector<Axis> axes = axes_of(e, spatial);
  for (std::size_t i = 0; i < spatial; ++i) {
    const Axis& a = axes[i];
    Tensor parts = zeros({a.in, a.out}, DType::f64);
    const std::span<double> values = parts.mutable_span<double>();
    for (std::int64_t o = 0; o < a.out; ++o) {
      const std::int64_t start = o * a.in / a.out, end = ((o + 1) * a.in + a.out - 1) / a.out;
      for (std::int64_t k = start; k < end; ++k) {
        values[static_cast<std::size_t>(k * a.out + o)] = 1.0 / static_cast<double>(end - start);
      }
    }
    const std::int64_t axis = e.rank() - static_cast<std::int64_t>(spatial) + static_cast<std::int64_t>(i);
    x = e.op("MatMul", {e.axis_last(x, axis, e.rank()), e.cast(e.constant(parts), e.dtype())});
    x = e.axis_back(x, axis, e.rank());
  }
  e.set(x);
}

void resample(Emit& e) {
  const std::int64_t axis = e.axis("dim"), n = e.size(static_cast<int>(axis));
  const std::string_view mode = e.text("mode");
  if (mode != "linear" && mode != "cubic") {
    const Tensor places = e.compute({tensor_of(iota(n), {n})}, "dim", 0);
    return e.set(e.gather(e.in(0), axis, places));
  }
  const Tensor weights = e.compute({eye(n, {.dtype = e.dtype()})}, "dim", 1);
  const Id y = e.op("MatMul", {e.axis_last(e.in(0), axis, e.rank()), e.constant(weights)});
  e.set(e.axis_back(y, axis, e.rank()));
}

constexpr OpWriter kWriters[] = {
    {"adaptive_avg_pool", adaptive_avg_pool},
    {"adaptive_max_pool", adaptive_max_pool},
    {"avg_pool", avg_pool},
    {"max_pool", max_pool},
    {"max_pool_indices", max_pool_indices, true},
    {"resample", resample},
};

}  // namespace

std::span<const OpWriter> pool_writers() { return kWriters; }

}  // namespace gradus::onnx
