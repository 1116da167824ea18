#include "gradus/tools/check_op.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "gradus/graph/apply.h"
#include "gradus/graph/gradcheck.h"
#include "gradus/graph/samples.h"

namespace gradus::tools {
namespace {

bool is_variable(const Tensor& t) { return t.dtype() == DType::f64; }

enum class Order { first, second };

// Returns what is wrong, or an empty string.
std::string check_sample(const OpDef& op, const Sample& sample, Order order, double* max_error) {
  const auto call = [&](std::span<const Tensor> inputs) {
    std::vector<Operand> operands;
    for (const Tensor& t : inputs) operands.emplace_back(t, Location{});
    std::vector<Tensor> outs(static_cast<std::size_t>(op.outputs));
    apply(op, operands, sample.attr_bytes(), outs);
    return outs;
  };
  try {
    const GradcheckResult r =
        order == Order::first ? gradcheck(call, sample.inputs) : gradgradcheck(call, sample.inputs);
    *max_error = std::max(*max_error, r.max_error);
    return r.message;
  } catch (const Error& e) {
    return e.what();
  }
}

}  // namespace

DerivativeCheck check_op(const OpDef& op) {
  DerivativeCheck result;
  SampleSink sink;
  op.samples(sink);
  for (const Sample& sample : sink.good) {
    if (!sample.gradcheck || std::none_of(sample.inputs.begin(), sample.inputs.end(), is_variable)) continue;
    ++result.samples;
    for (const Order order : {Order::first, Order::second}) {
      const std::string what = check_sample(op, sample, order, &result.max_error);
      if (what.empty()) continue;
      result.fault =
          fmt::format("{} order, sample {}{}: {}", order == Order::first ? "first" : "second", result.samples,
                      *sample.note != 0 ? fmt::format(" ({})", sample.note) : "", what);
      return result;
    }
  }
  return result;
}

}  // namespace gradus::tools
