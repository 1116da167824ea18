// The plain path: for a line of pixels (along the last spatial axis) and a tap (a place of the kernel), the
// pixels that meet that tap are a matrix with equal distances between rows, [pixels, channels], so each pass
// is a sum of matrix products without a copy of the image. Lines or taps are shared out so that each thread
// writes memory of its own, in an order that does not depend on their number.
#include "gradus/ops/kernels/conv.h"

#include <algorithm>

#include "gradus/base/parallel.h"
#include "gradus/ops/kernels/conv_onednn.h"
#include "gradus/ops/kernels/conv_tiles.h"
#include "gradus/ops/kernels/copy.h"
#include "gradus/ops/kernels/gemm.h"
#include "gradus/ops/kernels/layout.h"

namespace gradus::kernels {
namespace {

std::size_t room(std::int64_t elements, DType dtype) {
  return (static_cast<std::size_t>(elements) * size_of(dtype) + 63) / 64 * 64;
}

bool has_strides(const View& v, const std::int64_t* strides) {
  if (v.numel == 0) return true;
  std::int64_t own[kMaxRank];
  if (v.strides == nullptr) contiguous_strides(v.dims, v.rank, own);
  const std::int64_t* have = v.strides == nullptr ? own : v.strides;
  for (int i = 0; i < v.rank; ++i) {
    if (v.dims[i] != 1 && have[i] != strides[i]) return false;
  }
  return true;
}

// An operand in the form that both paths read: images channels-last, weights contiguous.
struct Operand {
  const View& v;
  std::int64_t strides[kMaxRank];
  bool copied;

  Operand(const View& view, bool image) : v(view) {
    if (image)
      channels_last_strides(v.dims, v.rank, 1, strides);
    else
      contiguous_strides(v.dims, v.rank, strides);
    copied = !has_strides(v, strides);
  }
  std::size_t scratch() const { return copied ? room(v.numel, v.dtype) : 0; }
  void* prepare(std::byte** scratch_memory) const {
    if (!copied) return v.data;
    const View to{*scratch_memory, v.dims, strides, v.numel, v.rank, v.dtype};
    copy(v, to);
    *scratch_memory += scratch();
    return to.data;
  }
};

// [begin, end) of the places p along one axis with 0 <= p stride - before + tap dilation < in.
struct Range {
  std::int64_t begin, end;
};
Range places(const ConvShape& s, int axis, std::int64_t tap) {
  const std::int64_t shift = tap * s.dilation[axis] - s.before[axis];  // x's place for p = 0
  const std::int64_t step = s.stride[axis], in = s.in[axis];
  const std::int64_t begin = shift >= 0 ? 0 : (-shift + step - 1) / step;
  const std::int64_t end = shift >= in ? 0 : (in - 1 - shift) / step + 1;
  return {std::min(begin, s.out[axis]), std::min(end, s.out[axis])};
}

// One pass over arrays of T: x and y channels-last, w as [taps, o, c / groups].
template <class T>
class Lines {
 public:
  Lines(const ConvShape& s, T* x, T* w, T* y)
      : s_(s), x_(x), w_(w), y_(y), cg_(s.c / s.groups), og_(s.o / s.groups) {}

  // What sums start from.
  static void start(T* line, std::int64_t pixels, std::int64_t channels, const T* bias) {
    if (bias == nullptr) {
      std::fill_n(line, pixels * channels, T{0});
    } else {
      for (std::int64_t i = 0; i < pixels; ++i) std::copy_n(bias, channels, line + i * channels);
    }
  }

  void forward(const T* bias) const {
    const std::int64_t lines = s_.n * s_.out[0] * s_.out[1];
    parallel_for(lines, grain(lines), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t line = begin; line < end; ++line) {
        T* y = y_ + line * s_.out[2] * s_.o;
        start(y, s_.out[2], s_.o, bias);
        const std::int64_t p1 = line % s_.out[1], p0 = line / s_.out[1] % s_.out[0];
        const std::int64_t image = line / s_.out[1] / s_.out[0];
        for (std::int64_t k0 = 0; k0 < s_.kernel[0]; ++k0) {
          const std::int64_t q0 = p0 * s_.stride[0] - s_.before[0] + k0 * s_.dilation[0];
          if (q0 < 0 || q0 >= s_.in[0]) continue;
          for (std::int64_t k1 = 0; k1 < s_.kernel[1]; ++k1) {
            const std::int64_t q1 = p1 * s_.stride[1] - s_.before[1] + k1 * s_.dilation[1];
            if (q1 < 0 || q1 >= s_.in[1]) continue;
            const T* x = x_ + ((image * s_.in[0] + q0) * s_.in[1] + q1) * s_.in[2] * s_.c;
            for (std::int64_t k2 = 0; k2 < s_.kernel[2]; ++k2) {
              const Range r = places(s_, 2, k2);
              if (r.begin >= r.end) continue;
              add_y(x + (r.begin * s_.stride[2] - s_.before[2] + k2 * s_.dilation[2]) * s_.c,
                    w_ + ((k0 * s_.kernel[1] + k1) * s_.kernel[2] + k2) * s_.o * cg_, y + r.begin * s_.o,
                    r.end - r.begin);
            }
          }
        }
      }
    });
  }

  void input(const T* bias) const {
    const std::int64_t lines = s_.n * s_.in[0] * s_.in[1];
    parallel_for(lines, grain(lines), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t line = begin; line < end; ++line) {
        T* x = x_ + line * s_.in[2] * s_.c;
        start(x, s_.in[2], s_.c, bias);
        const std::int64_t q1 = line % s_.in[1], q0 = line / s_.in[1] % s_.in[0];
        const std::int64_t image = line / s_.in[1] / s_.in[0];
        for (std::int64_t k0 = 0; k0 < s_.kernel[0]; ++k0) {
          const std::int64_t p0 = source(0, q0, k0);
          if (p0 < 0) continue;
          for (std::int64_t k1 = 0; k1 < s_.kernel[1]; ++k1) {
            const std::int64_t p1 = source(1, q1, k1);
            if (p1 < 0) continue;
            const T* y = y_ + ((image * s_.out[0] + p0) * s_.out[1] + p1) * s_.out[2] * s_.o;
            for (std::int64_t k2 = 0; k2 < s_.kernel[2]; ++k2) {
              const Range r = places(s_, 2, k2);
              if (r.begin >= r.end) continue;
              add_x(x + (r.begin * s_.stride[2] - s_.before[2] + k2 * s_.dilation[2]) * s_.c,
                    w_ + ((k0 * s_.kernel[1] + k1) * s_.kernel[2] + k2) * s_.o * cg_, y + r.begin * s_.o,
                    r.end - r.begin);
            }
          }
        }
      }
    });
  }

  void weight() const {
    const std::int64_t taps = s_.taps();
    parallel_for(taps, grain(taps), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t tap = begin; tap < end; ++tap) {
        T* w = w_ + tap * s_.o * cg_;
        std::fill_n(w, s_.o * cg_, T{0});
        const std::int64_t k2 = tap % s_.kernel[2], k1 = tap / s_.kernel[2] % s_.kernel[1];
        const std::int64_t k0 = tap / s_.kernel[2] / s_.kernel[1];
        const Range r0 = places(s_, 0, k0), r1 = places(s_, 1, k1), r2 = places(s_, 2, k2);
        if (r2.begin >= r2.end) continue;
        for (std::int64_t image = 0; image < s_.n; ++image) {
          for (std::int64_t p0 = r0.begin; p0 < r0.end; ++p0) {
            const std::int64_t q0 = p0 * s_.stride[0] - s_.before[0] + k0 * s_.dilation[0];
            for (std::int64_t p1 = r1.begin; p1 < r1.end; ++p1) {
              const std::int64_t q1 = p1 * s_.stride[1] - s_.before[1] + k1 * s_.dilation[1];
              const std::int64_t q2 = r2.begin * s_.stride[2] - s_.before[2] + k2 * s_.dilation[2];
              add_w(x_ + (((image * s_.in[0] + q0) * s_.in[1] + q1) * s_.in[2] + q2) * s_.c, w,
                    y_ + (((image * s_.out[0] + p0) * s_.out[1] + p1) * s_.out[2] + r2.begin) * s_.o,
                    r2.end - r2.begin);
            }
          }
        }
      }
    });
  }

 private:
  static constexpr DType kType = dtype_of<T>;

  // Parts of about 64k multiplications.
  std::int64_t grain(std::int64_t parts) const {
    const double each = s_.work() / static_cast<double>(std::max<std::int64_t>(parts, 1));
    return each >= 65536 ? 1 : static_cast<std::int64_t>(65536 / std::max(each, 1.0));
  }

  // The place of y that x's place q meets at a tap; -1 for none.
  std::int64_t source(int axis, std::int64_t q, std::int64_t tap) const {
    const std::int64_t at = q + s_.before[axis] - tap * s_.dilation[axis];
    if (at < 0 || at % s_.stride[axis] != 0) return -1;
    const std::int64_t p = at / s_.stride[axis];
    return p < s_.out[axis] ? p : -1;
  }

  bool depthwise() const { return cg_ == 1 && og_ == 1; }
  std::int64_t x_step() const { return s_.stride[2] * s_.c; }

  // For `n` pixels and one tap: y += w x, x += w^T y, w += y x^T.
  void add_y(const T* x, const T* w, T* y, std::int64_t n) const {
    if (depthwise()) {
      for (std::int64_t i = 0; i < n; ++i, x += x_step(), y += s_.o) {
        for (std::int64_t g = 0; g < s_.c; ++g) y[g] += w[g] * x[g];
      }
      return;
    }
    for (std::int64_t g = 0; g < s_.groups; ++g) {
      gemm(kType, false, true, n, og_, cg_, 1.0, x + g * cg_, x_step(), w + g * og_ * cg_, cg_, 1.0,
           y + g * og_, s_.o);
    }
  }
  void add_x(T* x, const T* w, const T* y, std::int64_t n) const {
    if (depthwise()) {
      for (std::int64_t i = 0; i < n; ++i, x += x_step(), y += s_.o) {
        for (std::int64_t g = 0; g < s_.c; ++g) x[g] += w[g] * y[g];
      }
      return;
    }
    for (std::int64_t g = 0; g < s_.groups; ++g) {
      gemm(kType, false, false, n, cg_, og_, 1.0, y + g * og_, s_.o, w + g * og_ * cg_, cg_, 1.0, x + g * cg_,
           x_step());
    }
  }
  void add_w(const T* x, T* w, const T* y, std::int64_t n) const {
    if (depthwise()) {
      for (std::int64_t i = 0; i < n; ++i, x += x_step(), y += s_.o) {
        for (std::int64_t g = 0; g < s_.c; ++g) w[g] += x[g] * y[g];
      }
      return;
    }
    for (std::int64_t g = 0; g < s_.groups; ++g) {
      gemm(kType, true, false, og_, cg_, n, 1.0, y + g * og_, s_.o, x + g * cg_, x_step(), 1.0,
           w + g * og_ * cg_, cg_);
    }
  }

  const ConvShape s_;
  T* const x_;
  T* const w_;
  T* const y_;
  const std::int64_t cg_, og_;  // channels a group
};

// A kernel of one tap without strides and padding sees each pixel alone: all of them are one line.
ConvShape as_lines(ConvShape s) {
  for (int i = 0; i < kSpatial; ++i) {
    if (s.kernel[i] != 1 || s.stride[i] != 1 || s.before[i] != 0 || s.in[i] != s.out[i]) return s;
  }
  s.in[2] = s.out[2] = s.n * s.in_pixels();
  s.n = s.in[0] = s.in[1] = s.out[0] = s.out[1] = 1;
  return s;
}

// The weights: contiguous, [o, c / groups, taps], and in scratch memory as [taps, o, c / groups].
struct Packed {
  std::int64_t dims[3], strides[3];
  View plain, packed;

  Packed(const ConvShape& s, DType dtype, void* contiguous, void* memory)
      : dims{s.taps(), s.o, s.c / s.groups}, strides{1, dims[2] * dims[0], dims[0]} {
    const std::int64_t numel = dims[0] * dims[1] * dims[2];
    plain = {contiguous, dims, strides, numel, 3, dtype};
    packed = {memory, dims, nullptr, numel, 3, dtype};
  }
  Packed(const Packed&) = delete;
  Packed& operator=(const Packed&) = delete;
};

template <class T>
void plain_conv(ConvPass pass, const ConvShape& s, T* x, T* w, T* y, const T* bias, std::byte* scratch) {
  if (s.n == 0 || s.c == 0 || s.o == 0) {  // sums of nothing
    if (pass == ConvPass::forward) return Lines<T>::start(y, s.n * s.out_pixels(), s.o, bias);
    if (pass == ConvPass::input) return Lines<T>::start(x, s.n * s.in_pixels(), s.c, bias);
    std::fill_n(w, s.taps() * s.o * (s.c / s.groups), T{0});
    return;
  }
  const bool reorder = s.taps() > 1;
  const Packed p(s, dtype_of<T>, w, scratch);
  if (reorder && pass != ConvPass::weight) copy(p.plain, p.packed);
  const Lines<T> lines(as_lines(s), x, reorder ? p.packed.as<T>() : w, y);
  switch (pass) {
    case ConvPass::forward:
      return lines.forward(bias);
    case ConvPass::input:
      return lines.input(bias);
    case ConvPass::weight:
      lines.weight();
      if (reorder) copy(p.packed, p.plain);
  }
}

// Who computes a pass in f32. Where oneDNN finds that it has no kernel, the lines do.
enum class Way { lines, tiles, onednn };

Way way_of(ConvPass pass, const ConvShape& s, DType dtype) {
  if (dtype != DType::f32) return Way::lines;
  if (tiles_conv_is_wanted(pass, s)) return Way::tiles;
  return onednn_conv_is_wanted(s) ? Way::onednn : Way::lines;
}

template <class T>
void typed_conv(ConvPass pass, const ConvShape& s, void* x, void* w, void* y, const void* bias,
                std::byte* scratch) {
  auto *tx = static_cast<T*>(x), *tw = static_cast<T*>(w), *ty = static_cast<T*>(y);
  const auto* tb = static_cast<const T*>(bias);
  if constexpr (sizeof(T) == 4) {
    const Way way = way_of(pass, s, DType::f32);
    if (way == Way::tiles) return tiles_conv(pass, s, tx, tw, ty, tb, scratch);
    if (way == Way::onednn && onednn_conv(pass, s, tx, tw, ty, tb, scratch)) return;
  }
  plain_conv(pass, s, tx, tw, ty, tb, scratch);
}

}  // namespace

std::size_t conv_scratch(ConvPass pass, const ConvShape& s, const View& a, const View& b, const View& bias) {
  std::size_t copies =
      Operand(a, pass != ConvPass::input).scratch() + Operand(b, pass != ConvPass::forward).scratch();
  if (bias.data != nullptr) copies += Operand(bias, false).scratch();
  std::int64_t weights = wrapping_product(s.o, s.c / s.groups);
  for (std::int64_t k : s.kernel) {
    // A result of that size will be refused.
    if (__builtin_mul_overflow(weights, k, &weights)) return copies;
  }
  std::size_t inner = s.taps() > 1 ? room(weights, a.dtype) : 0;
  const Way way = way_of(pass, s, a.dtype);
  if (way == Way::tiles) return copies + tiles_conv_scratch(pass, s);
  if (way == Way::onednn) inner = std::max(inner, onednn_conv_scratch(pass, s, bias.data != nullptr));
  return copies + inner;
}

void conv(ConvPass pass, const ConvShape& s, const View& a, const View& b, const View& bias,
          const View& result, void* scratch) {
  if (result.numel == 0) return;
  auto* rest = static_cast<std::byte*>(scratch);
  void* pa = Operand(a, pass != ConvPass::input).prepare(&rest);
  void* pb = Operand(b, pass != ConvPass::forward).prepare(&rest);
  const void* pbias = bias.data == nullptr ? nullptr : Operand(bias, false).prepare(&rest);
  void* x = pass == ConvPass::input ? result.data : pa;
  void* w = pass == ConvPass::weight ? result.data : pass == ConvPass::input ? pa : pb;
  void* y = pass == ConvPass::forward ? result.data : pb;
  if (result.dtype == DType::f32)
    typed_conv<float>(pass, s, x, w, y, pbias, rest);
  else
    typed_conv<double>(pass, s, x, w, y, pbias, rest);
}

}  // namespace gradus::kernels
