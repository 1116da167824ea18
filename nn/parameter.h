// Parameter and Buffer: tensors that a module owns. The member is the parameter: what it holds is trained,
// saved and counted. Copying one copies its elements, so that copied models are independent; as a plain
// Tensor it is shared like any other (`Tensor w = fc.weight;` is the parameter itself, `auto w = fc.weight;`
// a copy).
#pragma once

#include "gradus/graph/tensor.h"

namespace gradus::nn {

// A tensor that training changes. Undefined: not there, as the bias of a layer without one.
class Parameter : public Tensor {
 public:
  Parameter() = default;
  // Shares `t` and, if it is a leaf, makes it collect a gradient. Assigning shares too, so
  // `decoder.weight = encoder.weight.share()` ties them. Errors: DtypeError for integers and bool.
  Parameter(Tensor t, Location where = Location::current());  // NOLINT(google-explicit-constructor)
  Parameter(const Parameter& o);
  Parameter(Parameter&&) noexcept = default;
  // Copies the elements into the tensor that is here where shape and dtype fit, so that an optimizer that
  // holds it goes on with the new values; otherwise becomes a new tensor.
  Parameter& operator=(const Parameter& o);
  Parameter& operator=(Parameter&&) noexcept = default;

  // The parameter itself, not a copy.
  Tensor share() const { return *this; }
};

// A tensor that is saved with the model but not trained, such as a running mean.
class Buffer : public Tensor {
 public:
  Buffer() = default;
  Buffer(Tensor t) : Tensor(std::move(t)) {}  // NOLINT(google-explicit-constructor): reads as an assignment
  Buffer(const Buffer& o);
  Buffer(Buffer&&) noexcept = default;
  Buffer& operator=(const Buffer& o);  // as Parameter's
  Buffer& operator=(Buffer&&) noexcept = default;

  Tensor share() const { return *this; }
};

}  // namespace gradus::nn
