#include "gradus/graph/gradcheck.h"

#include <algorithm>
#include <cmath>

#include "gradus/base/random.h"
#include "gradus/graph/backward.h"
#include "gradus/graph/describe.h"
#include "gradus/graph/recording.h"

namespace gradus {
namespace {

// Numbers with 0.25 <= |v| < 1 and either sign: a cotangent near zero would hide what it multiplies.
Tensor random_cotangent(const Tensor& like, RandomStream& stream) {
  Tensor v = empty(like.shape(), DType::f64);
  std::span<double> values = v.mutable_span<double>();
  fill_uniform(stream, 0, values);
  stream.offset += blocks_for_f64(values.size());
  for (double& x : values) x = x < 0.5 ? -0.25 - 1.5 * x : 0.25 + 1.5 * (x - 0.5);
  return v;
}

std::vector<Tensor> f64_outputs(TensorFunction fn, std::span<const Tensor> x) {
  std::vector<Tensor> outs = fn(x);
  std::erase_if(outs, [](const Tensor& t) { return !t.defined() || t.dtype() != DType::f64; });
  return outs;
}

// The inner product of outputs and cotangents.
double loss(TensorFunction fn, std::span<const Tensor> x, std::span<const Tensor> cotangents) {
  const std::vector<Tensor> outs = f64_outputs(fn, x);
  double sum = 0.0;
  for (std::size_t k = 0; k < outs.size(); ++k) {
    const std::vector<double> y = outs[k].to_vector<double>();
    const std::span<const double> v = cotangents[k].span<double>();
    for (std::size_t i = 0; i < y.size(); ++i) sum += y[i] * v[i];
  }
  return sum;
}

std::string format_place(std::int64_t flat, const Shape& shape) {
  std::vector<std::int64_t> index(static_cast<std::size_t>(shape.rank()));
  for (int a = shape.rank() - 1; a >= 0; --a) {
    index[static_cast<std::size_t>(a)] = flat % shape[a];
    flat /= shape[a];
  }
  return format_shape(index);
}

// Gradients of the f64 inputs, undefined where nothing is reached.
std::vector<Tensor> gradients(std::span<const Tensor> outs, std::span<const Tensor> variables,
                              std::span<const Tensor> seeds, bool create_graph) {
  std::vector<Tensor> reached;
  std::vector<Tensor> reached_seeds;
  for (std::size_t k = 0; k < outs.size(); ++k) {
    if (!outs[k].requires_grad()) continue;
    reached.push_back(outs[k]);
    reached_seeds.push_back(seeds[k]);
  }
  if (reached.empty()) return std::vector<Tensor>(variables.size());
  return grad(reached, variables,
              {.create_graph = create_graph, .allow_unused = true, .seeds = reached_seeds});
}

}  // namespace

namespace gradcheck_internal {

void check_count(std::size_t takes, std::size_t given) {
  if (takes == 0 || takes == given) return;
  throw ValueError(fmt::format("gradcheck: the function takes {} tensors, but {} were given", takes, given));
}

}  // namespace gradcheck_internal

GradcheckResult gradcheck(TensorFunction fn, std::span<const Tensor> inputs, GradcheckOptions options) {
  std::vector<Tensor> x;
  std::vector<Tensor> variables;
  std::vector<std::size_t> which;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    x.push_back(inputs[i].defined() && inputs[i].dtype() == DType::f64 ? inputs[i].clone_detached()
                                                                       : inputs[i]);
    if (!x[i].defined() || x[i].dtype() != DType::f64) continue;
    x[i].requires_grad(true);
    variables.push_back(x[i]);
    which.push_back(i);
  }
  if (variables.empty()) return {false, "gradcheck: no input is an f64 tensor", 0.0};

  std::vector<Tensor> cotangents;
  std::vector<Tensor> rule;
  {
    const EnableGrad recording;
    const std::vector<Tensor> outs = f64_outputs(fn, x);
    if (outs.empty()) return {false, "gradcheck: the function gave no f64 tensor", 0.0};
    RandomStream stream{options.seed, 0};
    for (const Tensor& y : outs) cotangents.push_back(random_cotangent(y, stream));
    rule = gradients(outs, variables, cotangents, false);
  }

  const NoGrad no_recording;
  GradcheckResult result;
  for (std::size_t k = 0; k < variables.size(); ++k) {
    const std::vector<double> by_rule =
        rule[k].defined() ? rule[k].to_vector<double>()
                          : std::vector<double>(static_cast<std::size_t>(variables[k].numel()), 0.0);
    for (std::size_t i = 0; i < by_rule.size(); ++i) {
      const double before = variables[k].span<double>()[i];
      const double step = options.eps * std::max(1.0, std::abs(before));
      const double high = before + step;
      const double low = before - step;
      variables[k].mutable_span<double>()[i] = high;
      const double above = loss(fn, x, cotangents);
      variables[k].mutable_span<double>()[i] = low;
      const double below = loss(fn, x, cotangents);
      variables[k].mutable_span<double>()[i] = before;
      const double by_differences = (above - below) / (high - low);
      const double scale = std::max({1.0, std::abs(by_rule[i]), std::abs(by_differences)});
      const double error = std::abs(by_rule[i] - by_differences) / scale;
      if (error <= result.max_error) continue;
      // A NaN stays the worst.
      if (!std::isnan(result.max_error)) result.max_error = error;
      if (error <= options.tolerance || std::isnan(result.max_error) != std::isnan(error)) continue;
      result.ok = false;
      result.message = fmt::format(
          "gradcheck: input {} at {}: the rule says {:.9g}, differences say {:.9g}; relative to the larger "
          "they are {:.1e} apart, allowed are {:.1e}",
          which[k], format_place(static_cast<std::int64_t>(i), variables[k].shape()), by_rule[i],
          by_differences, error, options.tolerance);
    }
  }
  return result;
}

GradcheckResult gradgradcheck(TensorFunction fn, std::span<const Tensor> inputs, GradcheckOptions options) {
  std::vector<Tensor> all(inputs.begin(), inputs.end());
  {
    const NoGrad no_recording;
    RandomStream stream{options.seed + 1, 0};
    for (const Tensor& y : f64_outputs(fn, inputs)) all.push_back(random_cotangent(y, stream));
  }
  const std::size_t n = inputs.size();
  auto gradient = [&](std::span<const Tensor> arguments) {
    const bool differentiate = is_recording();
    const EnableGrad recording;
    std::vector<Tensor> x(arguments.begin(), arguments.begin() + static_cast<std::ptrdiff_t>(n));
    std::vector<Tensor> variables;
    for (Tensor& t : x) {
      if (!t.defined() || t.dtype() != DType::f64) continue;
      if (!t.requires_grad()) t = t.detach().requires_grad(true);
      variables.push_back(t);
    }
    // Inputs that the gradient does not reach have none for every x; zeros keep the list's length fixed.
    std::vector<Tensor> g = gradients(f64_outputs(fn, x), variables, arguments.subspan(n), differentiate);
    for (std::size_t i = 0; i < g.size(); ++i) {
      if (g[i].defined()) continue;
      g[i] = empty(variables[i].shape(), DType::f64);
      g[i].fill_(0.0);
    }
    return g;
  };
  GradcheckResult result = gradcheck(gradient, all, options);
  if (!result.ok) result.message = "second order (the cotangents follow the inputs): " + result.message;
  return result;
}

}  // namespace gradus
