// lsuv_(): initial values by data. Each layer's weight becomes orthogonal and is scaled until the layer's
// output over a batch has variance 1, layer by layer in the order of the calls. D. Mishkin, J. Matas: "All
// you need is a good init", 2016.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "gradus/base/function_ref.h"
#include "gradus/base/random.h"
#include "gradus/nn/module.h"

namespace gradus::nn::init {

struct LsuvOptions {
  double tolerance = 0.1;  // of the variance
  int max_iterations = 10;
  Generator* generator = nullptr;
};

struct LsuvLayer {
  std::string name;
  double std = 0;      // of its output, at the end
  int iterations = 0;  // divisions by the deviation
};

// The layers are the modules of this library, or of yours that call hooks, with a parameter "weight" of two
// axes or more and an input of a floating dtype. Their biases become 0. `run` calls the model; it runs in
// eval mode and unrecorded. Errors: ValueError where an output's deviation is 0 or not finite (the layers
// before have their new values then), or for options outside their domain.
std::vector<LsuvLayer> lsuv_layers_(Module& model, FunctionRef<void()> run, const LsuvOptions& options,
                                    Location where);

template <class M>
std::vector<LsuvLayer> lsuv_(M& model, const Tensor& input, const LsuvOptions& options = {},
                             Location where = Location::current()) {
  return lsuv_layers_(
      model, [&] { static_cast<void>(model(input)); }, options, where);
}

}  // namespace gradus::nn::init
