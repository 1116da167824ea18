// grid_sample: the input at points of a grid, as the sum of its pixels around each point, weighted by the
// product of one weight an axis. Put together from ops, so that derivatives of every order in input and grid
// come from them: weights are functions of the grid, pixels are gathered. M. Jaderberg et al., "Spatial
// Transformer Networks" (2015); Keys' cubic kernel with -0.75 as in PyTorch.
#include <algorithm>
#include <vector>

#include "gradus/base/format.h"
#include "gradus/graph/describe.h"
#include "gradus/ops/compose.h"
#include "gradus/ops/creation.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/indexing.h"
#include "gradus/ops/join.h"
#include "gradus/ops/matmul.h"
#include "gradus/ops/resample.h"
#include "gradus/ops/view.h"

namespace gradus {
namespace {

constexpr double kCubic = -0.75;

// One pixel that a point reads along one axis, for all points [N, P].
struct Tap {
  Tensor index;   // inside the axis, as floating-point numbers
  Tensor weight;  // exactly 0 where the pixel is outside
};

struct Axis {
  double size;
  GridPadding padding;
  bool align_corners;
  At at;

  // Where -1..1 lies among the pixels.
  Tensor unnormalized(const Tensor& g) const {
    const Tensor from_zero = add(at(g), 1);
    return align_corners ? mul(at(from_zero), (size - 1) / 2)
                         : div(at(sub(at(mul(at(from_zero), size)), 1)), 2);
  }

  // Places outside moved inside, as the padding says. Gradients are 0 at the edge and beyond, as in PyTorch.
  Tensor padded(const Tensor& place) const {
    if (padding == GridPadding::zeros) return place;
    Tensor p = place;
    if (padding == GridPadding::reflection) p = reflected(p);
    const Tensor clipped = clamp(at(p.detach()), 0, size - 1);
    const Tensor inside = logical_and(at(gt(at(p), 0)), at(lt(at(p), size - 1)));
    return where(at(inside), at(p), at(clipped));
  }

  Tap tap(const Tensor& place, const Tensor& weight) const {
    const Tensor p = place.detach();
    const Tensor inside = logical_and(at(ge(at(p), 0)), at(le(at(p), size - 1)));
    // Comparisons are false beside a NaN, so that one reads pixel 0 with the weight 0.
    return {where(at(inside), at(p), 0), where(at(inside), at(weight), 0)};
  }

  std::vector<Tap> taps(const Tensor& g, GridSampleMode mode) const {
    const Tensor raw = unnormalized(g);
    if (mode == GridSampleMode::nearest) {
      const Tensor p = round(at(padded(raw)));
      // One, with the gradient 0 in the grid.
      return {tap(p, add(at(sub(at(p), at(p.detach()))), 1))};
    }
    if (mode == GridSampleMode::bilinear) {
      const Tensor p = padded(raw);
      const Tensor below = floor(at(p.detach()));
      const Tensor t = sub(at(p), at(below));
      return {tap(below, sub(1, at(t))), tap(add(at(below), 1), t)};
    }
    const Tensor below = floor(at(raw.detach()));
    const Tensor t = sub(at(raw), at(below));
    std::vector<Tap> all;
    for (int k = -1; k <= 2; ++k) {
      // Neighbours are moved inside one by one. Mirrored at half places they are whole again.
      const Tensor p = padded(add(at(below), k));
      all.push_back(tap(p, keys(k <= 0 ? add(at(t), -k) : sub(k, at(t)), k == 0 || k == 1)));
    }
    return all;
  }

 private:
  // Back and forth between the edges: the centres of the corner pixels, or their outer edges.
  Tensor reflected(const Tensor& place) const {
    const double low = align_corners ? 0 : -0.5, span = align_corners ? size - 1 : size;
    if (span == 0) return zeros_like(place);
    const Tensor from_low = sub(at(place), low);
    const Tensor distance = where(at(ge(at(from_low), 0)), at(from_low), at(neg(at(from_low))));
    const Tensor rest = fmod(at(distance), span);
    const Tensor crossings = floor(at(div(at(distance.detach()), span)));
    const Tensor forth = eq(at(fmod(at(crossings), 2)), 0);
    return add(at(where(at(forth), at(rest), at(sub(span, at(rest))))), low);
  }

  // Keys' kernel at distance d, which is at most 1 where `near`, else from 1 to 2.
  Tensor keys(const Tensor& d, bool near) const {
    if (near) {
      const Tensor inner = sub(at(mul(at(d), kCubic + 2)), kCubic + 3);
      return add(at(mul(at(mul(at(inner), at(d))), at(d))), 1);
    }
    const Tensor inner = add(at(mul(at(sub(at(d), 5)), at(d))), 8);
    return mul(at(sub(at(mul(at(inner), at(d))), 4)), kCubic);
  }
};

void require(bool ok, const Tensor& x, const Tensor& grid, Location where) {
  if (ok) return;
  throw_error<ShapeError>(
      where, "grid_sample",
      "takes input [N, C, H, W] with a grid [N, Ho, Wo, 2], or [N, C, D, H, W] with [N, Do, "
      "Ho, Wo, 3]: input {}, grid {}",
      describe(x), describe(grid));
}

}  // namespace

Tensor grid_sample(Operand input, Operand grid, const GridSampleOptions& options) {
  const At at{input.where};
  const Tensor x = held(input), g = held(grid);
  const int spatial = x.rank() - 2;
  require((spatial == 2 || spatial == 3) && g.rank() == x.rank() && g.size(0) == x.size(0) &&
              g.size(-1) == spatial,
          x, g, at.where);
  if (!is_floating(x.dtype()) || x.dtype() != g.dtype()) {
    throw_error<DtypeError>(at.where, "grid_sample",
                            "takes floating-point numbers of one dtype: input {}, grid {}", describe(x),
                            describe(g));
  }
  if (is_half(x.dtype())) {
    // Between the ops below, numbers of pixels would be rounded to the digits of a half.
    const Tensor y = grid_sample(at(astype(at(x), DType::f32)), at(astype(at(g), DType::f32)), options);
    return astype(at(y), x.dtype());
  }
  if (options.mode == GridSampleMode::bicubic && spatial == 3) {
    throw_error<ValueError>(at.where, "grid_sample", "bicubic takes an input of four axes: input {}",
                            describe(x));
  }
  const std::int64_t n = x.size(0), channels = x.size(1);
  Shape result{n, channels};
  std::int64_t pixels = 1, points = 1;
  for (int i = 0; i < spatial; ++i) {
    if (x.size(2 + i) == 0) {
      throw_error<ShapeError>(at.where, "grid_sample", "axis {} of input {} has no elements to sample", 2 + i,
                              describe(x));
    }
    pixels *= x.size(2 + i);
    points *= g.size(1 + i);
    result.push_back(g.size(1 + i));
  }
  const Tensor flat = reshape(at(x), {n, channels, pixels});
  const Tensor flat_grid = reshape(at(g), {n, points, spatial});

  // All combinations of one tap an axis, the last axis first: the grid gives x before y before z.
  std::vector<Tap> corners;
  double stride = 1;
  for (int k = 0; k < spatial; ++k) {
    const double size = static_cast<double>(x.size(-1 - k));
    const Axis axis{size, options.padding_mode, options.align_corners, at};
    const std::vector<Tap> taps = axis.taps(select(at(flat_grid), 2, k), options.mode);
    std::vector<Tap> next;
    for (const Tap& t : taps) {
      if (k == 0) {
        next.push_back({astype(at(t.index), DType::i64), t.weight});
        continue;
      }
      const Tensor rows = mul(at(astype(at(t.index), DType::i64)), static_cast<std::int64_t>(stride));
      for (const Tap& c : corners)
        next.push_back({add(at(c.index), at(rows)), mul(at(c.weight), at(t.weight))});
    }
    corners = std::move(next);
    stride *= size;
  }
  Tensor sum;
  for (const Tap& c : corners) {
    const Tensor index = expand(at(unsqueeze(at(c.index), 1)), {n, channels, points});
    Tensor term = mul(at(gather(at(flat), 2, at(index))), at(unsqueeze(at(c.weight), 1)));
    sum = sum.defined() ? add(at(std::move(sum)), at(std::move(term))) : std::move(term);
  }
  return reshape(at(std::move(sum)), result);
}

Tensor affine_grid(Operand theta, const Shape& size, bool align_corners) {
  const At at{theta.where};
  const Tensor t = held(theta);
  const int spatial = size.rank() - 2;
  if ((spatial != 2 && spatial != 3) || t.rank() != 3 || t.size(0) != size[0] || t.size(1) != spatial ||
      t.size(2) != spatial + 1) {
    throw_error<ShapeError>(
        at.where, "affine_grid",
        "takes theta [N, 2, 3] with the size [N, C, H, W], or [N, 3, 4] with [N, C, D, H, W]: "
        "theta {}, size {}",
        describe(t), format_shape({size.data(), static_cast<std::size_t>(size.rank())}));
  }
  if (!is_floating(t.dtype())) {
    throw_error<DtypeError>(at.where, "affine_grid", "takes floating-point numbers: theta {}", describe(t));
  }
  Shape grid{size[0]}, place;
  for (int i = 0; i < spatial; ++i) {
    if (size[2 + i] < 1) {
      throw_error<ShapeError>(at.where, "affine_grid", "size {} of axis {} is below 1", size[2 + i], 2 + i);
    }
    grid.push_back(size[2 + i]);
    place.push_back(size[2 + i]);
  }
  place.push_back(1);
  // The points of the output as columns x, y, (z,) 1.
  std::vector<Tensor> columns;
  for (int k = 0; k < spatial; ++k) {
    const int axis = spatial - 1 - k;
    const std::int64_t n = size[2 + axis];
    const double edge = n == 1 ? 0 : align_corners ? 1 : static_cast<double>(n - 1) / static_cast<double>(n);
    Tensor line = linspace(-edge, edge, n, {.dtype = t.dtype()}, at.where);
    Shape along;
    for (int i = 0; i <= spatial; ++i) along.push_back(i == axis ? n : 1);
    columns.push_back(expand(at(reshape(at(line), along)), place));
  }
  columns.push_back(ones(place, t.dtype(), at.where));
  Shape rows{1, -1, spatial + 1};
  const Tensor base = reshape(at(concat(columns, spatial, at.where)), rows);
  grid.push_back(spatial);
  return reshape(at(matmul(at(base), at(transpose(at(t), 1, 2)))), grid);
}

}  // namespace gradus
