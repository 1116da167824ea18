#include "gradus/data/format/onnx/writers.h"

#include <string>
#include <unordered_map>

namespace gradus::onnx {

const OpWriter* find_writer(std::string_view op) {
  static const std::unordered_map<std::string_view, const OpWriter*> table = [] {
    std::unordered_map<std::string_view, const OpWriter*> all;
    for (const auto family :
         {activation_writers(), arithmetic_writers(), attention_writers(), compare_writers(),
          convolution_writers(), gamma_writers(), index_writers(), join_writers(), loss_writers(),
          math_writers(), norm_writers(), order_writers(), pool_writers(), product_writers(),
          recurrent_writers(), reduction_writers(), scan_writers(), view_writers()}) {
      for (const OpWriter& w : family) all.emplace(w.op, &w);
    }
    return all;
  }();
  const auto it = table.find(op);
  return it != table.end() ? it->second : nullptr;
}

const char* why_not_written(std::string_view op) {
  if (op.ends_with("_backward")) return "it is part of a derivative; trace the forward pass alone";
  if (op == "bernoulli" || op == "dropout") {
    return "it draws random numbers, and the file's would be others; put the model in eval mode";
  }
  if (op.starts_with("linalg_"))
    return "operator set 17 has no factorisations and no solver of linear systems";
  return "operator set 17 has no such operator, and it is not composed of others";
}

}  // namespace gradus::onnx
