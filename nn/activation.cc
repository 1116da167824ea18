#include "gradus/nn/activation.h"

#include <fmt/format.h>

#include "gradus/ops/activation.h"
#include "gradus/ops/elementwise.h"

namespace gradus::nn {

Tensor ReLU::operator()(Operand x) const { return relu(x); }
Tensor Tanh::operator()(Operand x) const { return tanh(x); }
Tensor Sigmoid::operator()(Operand x) const { return sigmoid(x); }
Tensor Softmax::operator()(Operand x) const { return softmax(x, dim); }
std::string Softmax::options_text() const { return fmt::format("dim={}", dim); }

}  // namespace gradus::nn
