#include "gradus/ops/linalg/parts.h"

#include <algorithm>

#include "gradus/base/format.h"
#include "gradus/graph/recording.h"
#include "gradus/ops/linalg/checks.h"

namespace gradus {

void require_zero(const Tensor& grad, std::string_view op, std::string_view what) {
  const auto v = linalg::numbers_of(grad);
  if (std::all_of(v.begin(), v.end(), [](double x) { return x == 0; })) return;
  throw_error<GraphError>(graph_internal::thread_state.rule_where, fmt::format("backward of {}", op), "{}",
                          what);
}

}  // namespace gradus
