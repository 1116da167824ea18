#include "gradus/data/format/onnx/operators.h"

#include <string>
#include <unordered_map>

namespace gradus::onnx {

const Operator* find_operator(std::string_view name) {
  static const std::unordered_map<std::string_view, const Operator*> table = [] {
    std::unordered_map<std::string_view, const Operator*> all;
    for (const auto family :
         {arithmetic_operators(), unary_operators(),  logic_operators(),    activation_operators(),
          reduction_operators(),  order_operators(),  constant_operators(), cast_operators(),
          shape_operators(),      join_operators(),   slice_operators(),    gather_operators(),
          scatter_operators(),    select_operators(), product_operators(),  convolution_operators(),
          pool_operators(),       norm_operators(),   loss_operators(),     random_operators(),
          recurrent_operators(),  signal_operators(), resize_operators(),   detection_operators(),
          text_operators()}) {
      for (const Operator& o : family) all.emplace(o.name, &o);
    }
    return all;
  }();
  const auto it = table.find(name);
  return it != table.end() ? it->second : nullptr;
}

}  // namespace gradus::onnx
