// local_response_norm: x / (k + alpha mean(x^2))^beta over a window of neighbouring channels. Put together
// from ops: the windows are a view of the padded squares.
#include "gradus/base/format.h"
#include "gradus/graph/describe.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/join.h"
#include "gradus/ops/norm.h"
#include "gradus/ops/norm/params.h"
#include "gradus/ops/reduction.h"
#include "gradus/ops/view.h"

namespace gradus {

Tensor local_response_norm(Operand input, std::int64_t size, const LocalResponseNormOptions& options) {
  constexpr const char* kOp = "local_response_norm";
  const At at{input.where};
  const Tensor x = held(input);
  if (!is_floating(x.dtype())) {
    throw_error<DtypeError>(at.where, kOp,
                            "takes floating-point numbers: input {}; convert it with astype(x, DType::f32)",
                            describe(x));
  }
  if (x.rank() < 3) {
    throw_error<ShapeError>(at.where, kOp,
                            "takes [samples, channels, places...], the places on one axis or more: input {}",
                            describe(x));
  }
  if (size < 1 || size > (std::int64_t{1} << 31)) {
    throw_error<ValueError>(at.where, kOp,
                            "size is {}; the window has 1 channel or more, and fewer than 2^31", size);
  }
  if (x.numel() == 0) return Tensor::share(input.impl);
  // pads counts axes from the last one on; the channels are behind rank - 2 others.
  std::vector<std::int64_t> pads(static_cast<std::size_t>(2 * (x.rank() - 1)), 0);
  pads[pads.size() - 2] = size / 2;
  pads[pads.size() - 1] = (size - 1) / 2;
  const Tensor windows = unfold(at(pad(at(square(at(x))), pads)), 1, size, 1);
  const Tensor scale = add(at(mul(at(mean(at(windows), -1)), options.alpha)), options.k);
  return div(at(x), at(pow(at(scale), options.beta)));
}

}  // namespace gradus
