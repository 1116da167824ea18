// SAM. With the gradient g of all weights w as one vector:
//   e = rho g / |g|;   adaptive:  e = rho w^2 g / |w g|, products elementwise
//   the inner optimizer's step at w with the gradient at w + e
// Source: Foret, Kleiner, Mobahi, Neyshabur: "Sharpness-aware minimization for efficiently improving
// generalization", ICLR 2021; adaptive: Kwon, Kim, Park, Choi: "ASAM", ICML 2021, with eta = 0.
#include "gradus/optim/sam.h"

#include <cmath>

#include "gradus/base/format.h"
#include "gradus/graph/describe.h"
#include "gradus/optim/weights.h"

namespace gradus::optim {
namespace {

// Sum of (w g)^2, in f64 and in order, whatever the number of threads.
double weighted_square(const Tensor& w, const Tensor& g) {
  const auto run = [&]<class T>(const std::vector<T>& x, const std::vector<T>& y) {
    double total = 0.0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double product = static_cast<double>(x[i]) * static_cast<double>(y[i]);
      total += product * product;
    }
    return total;
  };
  if (w.dtype() == DType::f32) return run(w.to_vector<float>(), g.to_vector<float>());
  return run(w.to_vector<double>(), g.to_vector<double>());
}

}  // namespace

SAM::SAM(Optimizer& inner, const SAMOptions& options, Location where) : inner_(&inner), options_(options) {
  if (!(options.rho >= 0.0) || std::isinf(options.rho)) {
    throw_error<ValueError>(where, "SAM", "rho is {}; it must be a finite number >= 0", options.rho);
  }
}

ClipReport SAM::first_step(Location where) {
  constexpr const char* kOp = "SAM::first_step";
  if (climbed_) throw_error<ValueError>(where, kOp, "called twice; call second_step() between");
  std::vector<Tensor> params;
  for (std::size_t g = 0; g < inner_->group_count(); ++g) {
    for (const Tensor& p : inner_->params(g)) {
      if (p.grad().defined()) params.push_back(p);
    }
  }
  ClipReport report = grad_norm(params, 2.0, where);
  if (options_.adaptive && report.finite) {
    double total = 0.0;
    for (const Tensor& p : params) {
      total += weighted_square(p, p.grad());
      if (std::isfinite(total) || !report.finite) continue;
      report.finite = false;
      report.culprit = describe(p);
    }
    report.total_norm = std::sqrt(total);
  }
  climbed_ = true;
  if (!report.finite || report.total_norm == 0.0) return report;  // nowhere to go
  const double scale = options_.rho / report.total_norm;
  report.scale = scale;
  for (const Tensor& p : params) {
    moved_.push_back({p, p.clone_detached()});
    if (options_.adaptive)
      change_by(p, p.grad(), kOp, where, [=](double& w, double g) { w += scale * w * w * g; });
    else
      change_by(p, p.grad(), kOp, where, [=](double& w, double g) { w += scale * g; });
  }
  return report;
}

void SAM::second_step(Location where) {
  if (!climbed_) throw_error<ValueError>(where, "SAM::second_step", "call first_step() before");
  for (const Moved& m : moved_) {
    change_by(m.param, m.weights, "SAM::second_step", where, [](double& w, double before) { w = before; });
  }
  moved_.clear();
  climbed_ = false;
  inner_->step(where);
}

double SAM::step(FunctionRef<Tensor()> closure, Location where) {
  const double loss = closure().item();
  first_step(where);
  closure();
  second_step(where);
  return loss;
}

}  // namespace gradus::optim
