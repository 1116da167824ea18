// The reverse-mode pass as functions. Tensor::backward() accumulates into grad() of leaves; grad() returns
// gradients and touches nothing.
#pragma once

#include <span>
#include <vector>

#include "gradus/graph/tensor.h"

namespace gradus {

struct GradOptions {
  // Record the pass itself, so that its results can be differentiated again. Keeps the graph.
  bool create_graph = false;
  bool retain_graph = false;
  // A target that no output depends on gives an undefined Tensor instead of an error.
  bool allow_unused = false;
  // Cotangents of the outputs, one each in its shape; empty: ones, for outputs of one element.
  std::span<const Tensor> seeds = {};
};

// d outputs / d inputs, one tensor an input, contributions of all outputs summed. Only the paths that lead to
// the inputs are walked. Inputs may be leaves or interior tensors; no grad() is read or written, so several
// threads may do this over shared leaves. Errors: GraphError (no graph, released, an input out of reach, a
// graph that is being walked elsewhere), ShapeError and DtypeError for seeds, and what a rule throws.
std::vector<Tensor> grad(std::span<const Tensor> outputs, std::span<const Tensor> inputs,
                         GradOptions options = {}, Location where = Location::current());
inline std::vector<Tensor> grad(const Tensor& output, std::initializer_list<Tensor> inputs,
                                GradOptions options = {}, Location where = Location::current()) {
  return grad(std::span(&output, 1), std::span(inputs.begin(), inputs.size()), options, where);
}
inline std::vector<Tensor> grad(const Tensor& output, std::span<const Tensor> inputs,
                                GradOptions options = {}, Location where = Location::current()) {
  return grad(std::span(&output, 1), inputs, options, where);
}

}  // namespace gradus
