// Convolutions and their two gradients over 1 to 3 spatial axes. All three are the partial derivatives of one
// sum, T(x, w, y) = sum w[o, c, k] x[n, c, p stride - before + k dilation] y[n, o, p]: the result by y, the
// gradients by x and by w. f32 and f64. f32 of some size runs by oneDNN where it has a kernel to be trusted
// (conv_onednn.cc) or, on AVX2, by tiles of our own (conv_tiles.cc); everything else as matrix products over
// lines of pixels. Arrays of images lie channels-last in memory: their results do, and other operands are
// copied so first.
#pragma once

#include <cstddef>
#include <cstdint>

#include "gradus/graph/view.h"
#include "gradus/ops/kernels/channels_last.h"

namespace gradus::kernels {

inline constexpr int kSpatial = 3;

enum class ConvPass : std::uint8_t { forward, input, weight };

// Sizes of x [n, c, in...], w [o, c / groups, kernel...] and y [n, o, out...]. Spatial axes in front that are
// not there have size 1, stride 1 and nothing before.
struct ConvShape {
  std::int64_t n, c, o, groups;
  std::int64_t in[kSpatial], out[kSpatial], kernel[kSpatial];
  std::int64_t stride[kSpatial], dilation[kSpatial], before[kSpatial];

  std::int64_t in_pixels() const { return in[0] * in[1] * in[2]; }
  std::int64_t out_pixels() const { return out[0] * out[1] * out[2]; }
  std::int64_t taps() const { return wrapping_product(wrapping_product(kernel[0], kernel[1]), kernel[2]); }
  // Multiplications of one pass, those with padding included; in floating point, since it may be large.
  double work() const {
    const std::int64_t channels = c / groups;
    double each = static_cast<double>(n) * static_cast<double>(o) * static_cast<double>(channels);
    for (int i = 0; i < kSpatial; ++i) each *= static_cast<double>(out[i]) * static_cast<double>(kernel[i]);
    return each;
  }
};

// Bytes of scratch memory for conv() with these operands.
std::size_t conv_scratch(ConvPass pass, const ConvShape& s, const View& a, const View& b, const View& bias);

// Forward: result = y from a = x, b = w. Input: result = x from a = w, b = y. Weight: result = w from a = x,
// b = y. `bias`: one number a channel of the result; none (no data) for weight. Results of the first two
// have channels_last_strides, that of weight is contiguous. Operands may have any strides. Results repeat bit
// by bit at a given number of threads.
void conv(ConvPass pass, const ConvShape& s, const View& a, const View& b, const View& bias,
          const View& result, void* scratch);

}  // namespace gradus::kernels
