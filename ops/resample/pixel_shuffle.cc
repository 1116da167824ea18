// pixel_shuffle, pixel_unshuffle, channel_shuffle: reshapes and a permutation.
#include "gradus/base/format.h"
#include "gradus/graph/describe.h"
#include "gradus/ops/compose.h"
#include "gradus/ops/resample.h"
#include "gradus/ops/view.h"

namespace gradus {
namespace {

void require_factor(const Tensor& x, std::int64_t r, const char* op, Location where) {
  if (x.rank() < 3) {
    throw_error<ShapeError>(where, op, "takes [..., C, H, W]: input {} has {} axes", describe(x), x.rank());
  }
  if (r < 1 || r > std::int64_t{1} << 31) {
    throw_error<ValueError>(where, op, "factor {} is not in 1..2^31: input {}", r, describe(x));
  }
  if (x.rank() + 2 > kMaxRank) {
    throw_error<ShapeError>(where, op, "takes at most {} axes: input {} has {}", kMaxRank - 2, describe(x),
                            x.rank());
  }
}

}  // namespace

Tensor pixel_shuffle(Operand input, std::int64_t upscale_factor) {
  const At at{input.where};
  const Tensor x = held(input);
  const std::int64_t r = upscale_factor;
  require_factor(x, r, "pixel_shuffle", input.where);
  const int lead = x.rank() - 3;
  const std::int64_t c = x.size(lead), h = x.size(lead + 1), w = x.size(lead + 2);
  std::int64_t squared = 0;
  if (__builtin_mul_overflow(r, r, &squared) || c % squared != 0) {
    throw_error<ShapeError>(input.where, "pixel_shuffle",
                            "channels do not divide: axis {} of input {} is {}, not a multiple of {} * {}",
                            lead, describe(x), c, r, r);
  }
  Shape front, parts;
  Dims order;
  for (int i = 0; i < lead; ++i) {
    front.push_back(x.size(i));
    order.push_back(i);
  }
  parts = front;
  for (const std::int64_t n : {c / squared, r, r, h, w}) parts.push_back(n);
  for (const int i : {0, 3, 1, 4, 2}) order.push_back(lead + i);
  for (const std::int64_t n : {c / squared, h * r, w * r}) front.push_back(n);
  return reshape(at(permute(at(reshape(at(x), parts)), order)), front);
}

Tensor pixel_unshuffle(Operand input, std::int64_t downscale_factor) {
  const At at{input.where};
  const Tensor x = held(input);
  const std::int64_t r = downscale_factor;
  require_factor(x, r, "pixel_unshuffle", input.where);
  const int lead = x.rank() - 3;
  const std::int64_t c = x.size(lead), h = x.size(lead + 1), w = x.size(lead + 2);
  if (h % r != 0 || w % r != 0) {
    throw_error<ShapeError>(
        input.where, "pixel_unshuffle",
        "sizes do not divide: the last axes of input {} are {} and {}, not multiples of {}", describe(x), h,
        w, r);
  }
  std::int64_t channels = 0;
  if (__builtin_mul_overflow(c, r, &channels) || __builtin_mul_overflow(channels, r, &channels)) {
    throw_error<ShapeError>(input.where, "pixel_unshuffle", "{} * {} * {} channels are too many: input {}", c,
                            r, r, describe(x));
  }
  Shape front, parts;
  Dims order;
  for (int i = 0; i < lead; ++i) {
    front.push_back(x.size(i));
    order.push_back(i);
  }
  parts = front;
  for (const std::int64_t n : {c, h / r, r, w / r, r}) parts.push_back(n);
  for (const int i : {0, 2, 4, 1, 3}) order.push_back(lead + i);
  for (const std::int64_t n : {channels, h / r, w / r}) front.push_back(n);
  return reshape(at(permute(at(reshape(at(x), parts)), order)), front);
}

Tensor channel_shuffle(Operand input, std::int64_t groups) {
  const At at{input.where};
  const Tensor x = held(input);
  if (x.rank() < 3 || x.rank() + 1 > kMaxRank) {
    throw_error<ShapeError>(input.where, "channel_shuffle",
                            "takes [N, C, ...] of 3 to {} axes: input {} has {}", kMaxRank - 1, describe(x),
                            x.rank());
  }
  if (groups < 1 || x.size(1) % groups != 0) {
    throw_error<ValueError>(input.where, "channel_shuffle",
                            "channels do not divide: axis 1 of input {} is {}, not a multiple of {} groups",
                            describe(x), x.size(1), groups);
  }
  Shape parts{x.size(0), groups, x.size(1) / groups};
  for (int i = 2; i < x.rank(); ++i) parts.push_back(x.size(i));
  return reshape(at(transpose(at(reshape(at(x), parts)), 1, 2)), x.shape());
}

}  // namespace gradus
