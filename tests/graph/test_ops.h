// Ops defined the way a user defines them: OpDefs in the program, plain loops over f64, rules written in each
// other. The tests of graph/ record these, so that they test the engine and nothing else.
#pragma once

#include <cmath>
#include <cstdint>
#include <initializer_list>

#include "gradus/graph/apply.h"
#include "gradus/graph/tensor.h"

namespace gradus::test_ops {

// Element `flat` of `result` (row-major) in a view that broadcasts to it.
inline double& element(const View& v, const View& result, std::int64_t flat) {
  std::int64_t at = 0;
  std::int64_t step = 1;
  for (int a = result.rank - 1, b = v.rank - 1; b >= 0; --a, --b) {
    const std::int64_t i = v.dims[b] == 1 ? 0 : flat % result.dims[a];
    at += i * (v.strides != nullptr ? v.strides[b] : step);
    flat /= result.dims[a];
    step *= v.dims[b];
  }
  return v.as<double>()[at];
}

template <class F>
void unary(KernelContext& c, F f) {
  for (std::int64_t i = 0; i < c.out[0].numel; ++i) {
    element(c.out[0], c.out[0], i) = f(element(c.in[0], c.out[0], i));
  }
}

template <class F>
void binary(KernelContext& c, F f) {
  for (std::int64_t i = 0; i < c.out[0].numel; ++i) {
    element(c.out[0], c.out[0], i) = f(element(c.in[0], c.out[0], i), element(c.in[1], c.out[0], i));
  }
}

inline void infer_elementwise(InferContext& c) {
  c.require_same_dtype();
  c.require_floating(0);
  c.set_out_broadcast(0, c.dtype(0));
}

Tensor add(Operand a, Operand b);
Tensor mul(Operand a, Operand b);
Tensor affine(Operand x, double scale, double shift);  // scale x + shift
Tensor tanh(Operand x);
Tensor exp(Operand x);
Tensor sum(Operand x);                         // of all elements
Tensor expand(Operand x, const Shape& shape);  // of one element
Tensor two_outputs(Operand x, Tensor* twice);  // gives x, and 2 x
Tensor throwing(Operand x);                    // identity; its rule throws std::runtime_error
Tensor silent(Operand x);                      // identity; its rule sets nothing
Tensor wrong_shape(Operand x);                 // identity; its rule gives a gradient of another shape
Tensor unsaved(Operand x);                     // identity; its rule reads what `saves` does not keep
Tensor no_rule(Operand x);                     // identity without derivative
Tensor reverse(Operand x);                     // a view of a vector, last element first

extern const OpDef kMul;
extern const OpDef kTanh;

inline Tensor vec(std::initializer_list<double> v) {
  Tensor t = empty({static_cast<std::int64_t>(v.size())}, DType::f64);
  std::copy(v.begin(), v.end(), t.mutable_span<double>().begin());
  return t;
}
inline Tensor scalar(double v) {
  Tensor t = empty({}, DType::f64);
  t.fill_(v);
  return t;
}
inline Tensor leaf(std::initializer_list<double> v) {
  Tensor t = vec(v);
  t.requires_grad(true);
  return t;
}
inline Tensor leaf(double v) {
  Tensor t = scalar(v);
  t.requires_grad(true);
  return t;
}
inline std::vector<double> values(const Tensor& t) { return t.to_vector<double>(); }

}  // namespace gradus::test_ops
