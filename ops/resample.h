// Resampling of arrays [N, C, spatial...]: other sizes, sampling at given points, and pixels traded for
// channels. Results keep the layout of the input (channels last or not) unless said otherwise.
#pragma once

#include <cstdint>
#include <vector>

#include "gradus/graph/apply.h"

namespace gradus {

// Between pixels: the nearest (its place rounded down, as in OpenCV; exact: the one whose centre is nearest),
// linear along one, two or three axes, cubic along two, or the mean over the area that a new pixel covers.
enum class InterpolateMode : std::uint8_t {
  nearest,
  nearest_exact,
  linear,
  bilinear,
  trilinear,
  bicubic,
  area
};

struct InterpolateOptions {
  Dims size{};                         // the new spatial sizes; one number stands for all
  std::vector<double> scale_factor{};  // or what the sizes are multiplied by, rounded down
  InterpolateMode mode = InterpolateMode::nearest;
  bool align_corners = false;  // the centres of the corner pixels stay where they are; linear and cubic only
  bool recompute_scale_factor = false;  // place by the ratio of the sizes, not by scale_factor
};
// input [N, C, spatial...] with other spatial sizes. Floating, but any dtype for nearest. Errors: ValueError
// unless one of size and scale_factor is given, and for sizes below 1 or beyond what memory holds;
// ShapeError, DtypeError.
Tensor interpolate(Operand input, const InterpolateOptions& options);

// [..., C r^2, H, W] as [..., C, H r, W r], and back. Errors: ShapeError where the sizes do not divide,
// ValueError for a factor below 1.
Tensor pixel_shuffle(Operand input, std::int64_t upscale_factor);
Tensor pixel_unshuffle(Operand input, std::int64_t downscale_factor);
// [N, C, ...] with channel i of each of the groups next to each other. Errors: as pixel_shuffle.
Tensor channel_shuffle(Operand input, std::int64_t groups);

enum class GridSampleMode : std::uint8_t { bilinear, nearest, bicubic };
// Outside of the input: zeros, the nearest edge, or mirrored at the edges.
enum class GridPadding : std::uint8_t { zeros, border, reflection };
struct GridSampleOptions {
  GridSampleMode mode = GridSampleMode::bilinear;
  GridPadding padding_mode = GridPadding::zeros;
  bool align_corners = false;  // -1 and 1 are the centres of the corner pixels, not their outer edges
};
// input [N, C, H, W] at the points of grid [N, Ho, Wo, 2], which are (x, y) in -1..1; or input [N, C, D, H,
// W] at the points (x, y, z) of [N, Do, Ho, Wo, 3], without bicubic. Gives [N, C, Ho, Wo] or [N, C, Do, Ho,
// Wo]; floating; differentiable in input and, but for nearest, in grid. Errors: ShapeError, DtypeError,
// ValueError for bicubic of five axes.
Tensor grid_sample(Operand input, Operand grid, const GridSampleOptions& options = {});

// The grid for grid_sample of affine maps theta [N, 2, 3] (or [N, 3, 4]) over an output of shape [N, C, H, W]
// (or [N, C, D, H, W]). Floating. Errors: ShapeError.
Tensor affine_grid(Operand theta, const Shape& size, bool align_corners = false);

}  // namespace gradus
