// triplet_margin_loss: max(0, d(anchor, positive) - d(anchor, negative) + margin) with d = pairwise_distance;
// `swap` takes d(positive, negative) where it is the smaller of the two negative distances. V. Balntas et
// al., "Learning shallow convolutional feature descriptors with triplet losses" (2016).
#include "gradus/base/format.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/loss/compose.h"

namespace gradus {

Tensor triplet_margin_loss(Operand anchor, Operand positive, Operand negative,
                           const TripletMarginLossOptions& options) {
  constexpr const char* kOp = "triplet_margin_loss";
  const At at{anchor.where};
  const Tensor a = held(anchor), p = held(positive), n = held(negative);
  require_same({"anchor", a}, {"positive", p}, kOp, at.where);
  require_same({"anchor", a}, {"negative", n}, kOp, at.where);
  require_axis(a, -1, "anchor", kOp, at.where);
  if (!(options.p > 0)) throw_error<ValueError>(at.where, kOp, "p is {}; it must be above 0", options.p);
  const auto distance = [&](const Tensor& x, const Tensor& y) {
    return pairwise_distance(at(x), at(y), options.p, options.eps);
  };
  const Tensor near = distance(a, p);
  Tensor far = distance(a, n);
  if (options.swap) far = minimum(at(far), at(distance(p, n)));
  const Tensor losses = clamp(at(add(at(sub(at(near), at(far))), options.margin)), 0);
  return reduced(losses, options.reduction, at);
}

}  // namespace gradus
