// Clipping of gradients, between backward() and step(). Sums in f64, whatever the dtype.
#pragma once

#include <span>
#include <string>

#include "gradus/base/location.h"
#include "gradus/graph/tensor.h"

namespace gradus::optim {

struct ClipReport {
  double total_norm = 0.0;  // before clipping, of all gradients as one vector
  double scale = 1.0;       // what the gradients were multiplied by
  bool finite = true;       // false: a gradient holds NaN or infinity, and nothing was changed
  std::string culprit;      // then: the first such parameter, `"fc1.weight" [256, 784] f32`
};

// The norm of all gradients as one vector; `norm_type` is p >= 1 or infinity. Parameters without gradient
// count as 0. Errors: ValueError.
ClipReport grad_norm(std::span<const Tensor> params, double norm_type = 2.0,
                     Location where = Location::current());

// Scales all gradients by max_norm / (total_norm + 1e-6) where that is below 1, as torch's function does. A
// gradient tensor that somebody else holds too is replaced, not changed. Errors: ValueError for a max_norm
// that is negative or NaN and for a norm_type below 1.
ClipReport clip_grad_norm_(std::span<const Tensor> params, double max_norm, double norm_type = 2.0,
                           Location where = Location::current());

// Clamps every element of every gradient to [-clip_value, clip_value]; a NaN stays one, as in torch. A
// gradient tensor that somebody else holds too is replaced. Errors: ValueError for a clip_value that is
// negative or NaN.
void clip_grad_value_(std::span<const Tensor> params, double clip_value,
                      Location where = Location::current());

}  // namespace gradus::optim
