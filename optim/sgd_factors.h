// The numbers of one SGD step as its kernel takes them. Internal to optim/sgd.cc, whose vector code is
// compiled once for each instruction set and must see one definition.
#pragma once

namespace gradus::kernels {

struct SgdFactors {
  double lr, momentum, keep_gradient, weight_decay, sign;
  bool nesterov;
};

}  // namespace gradus::kernels
