// checkpoint(): a part of a model whose inner tensors are not kept for the backward but computed again there:
// less memory for one more forward of that part. T. Chen et al.: "Training deep nets with sublinear memory
// cost", 2016.
#pragma once

#include <span>
#include <type_traits>
#include <utility>

#include "gradus/base/unique_function.h"
#include "gradus/graph/apply.h"
#include "gradus/nn/module.h"

namespace gradus::nn {

using CheckpointFunction = UniqueFunction<Tensor(std::span<const Tensor> inputs)>;

// f(inputs), recorded as one op. Gradients go to the inputs and to every leaf that f uses, such as the
// parameters of a module; of any order. f must give the same when it is called again: numbers from the
// default generator are drawn again as they were, but a BatchNorm in training would count a batch twice.
// Errors: GraphError where f uses a tensor that was recorded before and is not one of the inputs, and in
// backward where an input or parameter was changed in place meanwhile; ValueError for an empty handle.
Tensor checkpoint_list(CheckpointFunction f, std::span<const Tensor> inputs,
                       Location where = Location::current());

// checkpoint(block, x) or checkpoint([&](const Tensor& a, const Tensor& b) { ... }, a, b). A module is used
// where it is, so it must outlive the graph; anything else is moved into the graph, with what it captured.
template <class F, class... More>
Tensor checkpoint(F&& f, Operand x, const More&... more) {
  using Function = std::remove_cvref_t<F>;
  const Tensor inputs[] = {Tensor::share(x.impl), more...};
  const auto run = [](const auto& g, std::span<const Tensor> in) -> Tensor {
    return [&]<std::size_t... i>(std::index_sequence<i...>)->Tensor { return g(in[i]...); }
    (std::make_index_sequence<1 + sizeof...(More)>());
  };
  if constexpr (std::is_base_of_v<Module, Function>) {
    static_assert(std::is_lvalue_reference_v<F>,
                  "the module must outlive the graph, so it cannot be a temporary");
    return checkpoint_list([m = &f, run](std::span<const Tensor> in) { return run(*m, in); }, inputs,
                           x.where);
  } else {
    return checkpoint_list([g = std::forward<F>(f), run](std::span<const Tensor> in) { return run(g, in); },
                           inputs, x.where);
  }
}

}  // namespace gradus::nn
