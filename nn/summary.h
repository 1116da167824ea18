// summary(): a table of a model's modules: shapes of results, parameters, operations, bytes.
//   std::cout << nn::summary(model, x);
#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>
#include <utility>
#include <vector>

#include "gradus/base/function_ref.h"
#include "gradus/nn/unary_module.h"

namespace gradus::nn {

struct SummaryRow {
  std::string name;  // "" for the model itself
  std::string type;
  int depth = 0;
  int calls = 0;                  // 0: not called, or a module whose operator() calls no hooks
  std::vector<Shape> output;      // of the (first) result of the last call; empty where there was none
  DType dtype = DType::f32;       // of it
  std::int64_t parameters = 0;    // elements, with those of the modules below; tied ones once
  double flops = 0;               // of all calls, with what happens below
  std::int64_t output_bytes = 0;  // of all calls
};

struct Summary {
  std::vector<SummaryRow> rows;  // a module before those below it
  std::int64_t parameters = 0;
  std::int64_t trainable_parameters = 0;
  std::int64_t parameter_bytes = 0;
  std::int64_t buffer_bytes = 0;
  double flops = 0;
  std::int64_t saved_bytes = 0;  // what a backward would keep until it runs, parameters not counted
};

namespace summary_internal {
// `run` calls the model and gives its (first) result.
Summary summarize(Module& model, FunctionRef<Tensor()> run, Location where);
Tensor tracked(const Tensor& t);
}  // namespace summary_internal

// Calls model(inputs...) once, in eval mode, and changes nothing. Operations are read off the recorded graph:
// a multiplication and an addition of a matrix product, convolution, attention or recurrence count 2; other
// ops count 1 an element (norms and softmax 5), views and look-ups none.
template <class M, class... More>
Summary summary(M& model, Operand x, const More&... more) {
  return summary_internal::summarize(
      model,
      [&] {
        const Tensor in = summary_internal::tracked(Tensor::share(x.impl));
        auto y = model(in, more...);
        return Tensor(hooks_internal::first_result(y));
      },
      x.where);
}

std::string to_string(const Summary& s);
std::ostream& operator<<(std::ostream& out, const Summary& s);

}  // namespace gradus::nn
