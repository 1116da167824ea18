// Muon. With the gradient g (negated to maximize), a weight matrix w [a, b], momentum mu, decay l:
//   m = m + (1 - mu) (g - m);   u = m, or with Nesterov g + mu (m - g)
//   w = w (1 - lr l) - lr adjust(a, b) NS(u)
// NS(u), the Newton-Schulz iteration, makes u's singular values about 1: x = u / max(|u|, eps), of the
// transpose where a > b; then ns_steps times  x = c0 x + (c1 s + c2 s s) x,  s = x x^T. It runs in the
// parameter's own dtype, where torch's runs in bfloat16: a step differs from torch's by about 1e-2 of itself,
// and is what torch's would be with the iteration in f32 or f64. Groups without use_muon: adamw.cc.
// Parameters of rank 2 only, as in torch. Source: torch.optim.Muon (PyTorch 2.9), after Jordan et al.: "Muon:
// an optimizer for hidden layers in neural networks" (kellerjordan.github.io/posts/muon, 2024);
// match_rms_adamw: Liu et al., arXiv 2502.16982; spectral_unclamped: Bernstein, "Deriving Muon" (2025).
#include "gradus/optim/muon.h"

#include <algorithm>
#include <cmath>

#include "gradus/base/format.h"
#include "gradus/graph/describe.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/matmul.h"
#include "gradus/ops/reduction.h"
#include "gradus/ops/view.h"
#include "gradus/optim/adam_update.h"
#include "gradus/optim/weights.h"

namespace gradus::optim {
namespace {

// The first two are where AdamW's kernel looks for them.
enum Slot : std::size_t { kFirstMoment, kSecondMoment, kMomentum };

Tensor newton_schulz(const Tensor& u, const MuonOptions& o) {
  const bool tall = u.size(0) > u.size(1);
  const double norm = std::sqrt(sum(square(u)).item());
  Tensor x = u * (1.0 / std::max(norm, o.eps));
  if (tall) x = transpose(x, 0, 1);
  const auto& c = o.ns_coefficients;
  for (std::int64_t k = 0; k < o.ns_steps; ++k) {
    const Tensor s = matmul(x, x, {.trans_b = true});
    x = c[0] * x + matmul(c[1] * s + c[2] * matmul(s, s), x);
  }
  return tall ? transpose(x, 0, 1) : x;
}

double adjustment(AdjustLr how, const Tensor& p) {
  const double a = static_cast<double>(p.size(0)), b = static_cast<double>(p.size(1));
  switch (how) {
    case AdjustLr::original:
      return std::sqrt(std::max(1.0, a / b));
    case AdjustLr::match_rms_adamw:
      return 0.2 * std::sqrt(std::max(a, b));
    case AdjustLr::spectral_unclamped:
      return std::sqrt(a / b);
  }
  return 1.0;
}

void step_matrix(const MuonOptions& o, const Tensor& p, ParamState& s, Location where) {
  if (!s.slots[kMomentum].defined()) s.slots[kMomentum] = filled(p.shape(), p.dtype(), 0.0);
  const double sign = o.maximize ? -1.0 : 1.0, mu = o.momentum;
  const Tensor& buffer = s.slots[kMomentum];
  change_by(buffer, p.grad(), "Muon::step", where,
            [=](double& m, double g) { m += (1.0 - mu) * (sign * g - m); });
  ++s.steps;
  if (p.numel() == 0) return;
  Tensor u = buffer;
  if (o.nesterov) {
    u = buffer.clone_detached();
    change_by(u, p.grad(), "Muon::step", where,
              [=](double& m, double g) { m = sign * g + mu * (m - sign * g); });
  }
  const double keep = 1.0 - o.lr * o.weight_decay, step = o.lr * adjustment(o.adjust_lr_fn, p);
  change_by(p, newton_schulz(u, o), "Muon::step", where,
            [=](double& w, double x) { w = keep * w - step * x; });
}

}  // namespace

Muon::Options Muon::resolve(const Group& g, const Options& defaults) {
  return {.lr = g.lr.value_or(defaults.lr),
          .weight_decay = g.weight_decay.value_or(defaults.weight_decay),
          .momentum = g.momentum.value_or(defaults.momentum),
          .nesterov = g.nesterov.value_or(defaults.nesterov),
          .ns_coefficients = g.ns_coefficients.value_or(defaults.ns_coefficients),
          .eps = g.eps.value_or(defaults.eps),
          .ns_steps = g.ns_steps.value_or(defaults.ns_steps),
          .adjust_lr_fn = g.adjust_lr_fn.value_or(defaults.adjust_lr_fn),
          .use_muon = g.use_muon.value_or(defaults.use_muon),
          .betas = g.betas.value_or(defaults.betas),
          .adam_eps = g.adam_eps.value_or(defaults.adam_eps),
          .maximize = g.maximize.value_or(defaults.maximize)};
}

std::vector<Optimizer::Option> Muon::table(Options& o) {
  return {{"lr", &o.lr, Range::not_negative},
          {"weight_decay", &o.weight_decay, Range::not_negative},
          {"momentum", &o.momentum, Range::below_one},
          {"nesterov", &o.nesterov},
          {"ns_a", &o.ns_coefficients[0], Range::finite},
          {"ns_b", &o.ns_coefficients[1], Range::finite},
          {"ns_c", &o.ns_coefficients[2], Range::finite},
          {"eps", &o.eps, Range::positive},
          {"ns_steps", &o.ns_steps},
          {"adjust_lr_fn", &o.adjust_lr_fn, 3},
          {"use_muon", &o.use_muon},
          {"beta1", &o.betas[0], Range::below_one},
          {"beta2", &o.betas[1], Range::below_one},
          {"adam_eps", &o.adam_eps, Range::not_negative},
          {"maximize", &o.maximize}};
}

unsigned Muon::slots(const Options& o, const Tensor&) {
  return o.use_muon ? 1U << kMomentum : 1U << kFirstMoment | 1U << kSecondMoment;
}

void Muon::check_options(const Options& o, const char* op, Location where) {
  if (o.ns_steps >= 100) throw_error<ValueError>(where, op, "ns_steps is {}; it must be < 100", o.ns_steps);
}

void Muon::check_member(const Options& o, const Tensor& p, const char* op, Location where) {
  if (!o.use_muon || !p.defined() || p.rank() == 2) return;
  throw_error<ValueError>(where, op,
                          "only matrices can be stepped by Muon: {}; put it into a group with .use_muon = "
                          "false, which AdamW steps",
                          describe(p));
}

void Muon::update(Location where) {
  FusedStep fused("Muon::step", where);
  const auto factors = [this](std::size_t g, const ParamState& s, bool) {
    const Options& o = groups_[g];
    return adam_factors(
        {o.lr, o.betas[0], o.betas[1], o.adam_eps, 1.0 - o.lr * o.weight_decay, 0.0, o.maximize},
        s.steps + 1);
  };
  for (std::size_t g = 0; g < members_.size(); ++g) {
    if (!groups_[g].use_muon) {
      fuse_group(fused, g, adam_update_kernels(), factors, [](std::size_t, std::size_t) { return 0.0; });
      continue;
    }
    for (std::size_t i = 0; i < members_[g].params.size(); ++i) {
      const Tensor& p = members_[g].params[i];
      if (p.grad().defined()) step_matrix(groups_[g], p, members_[g].states[i], where);
    }
  }
  fused.run();
}

std::span<const char* const> Muon::slot_names() const {
  static constexpr const char* kSlots[] = {"exp_avg", "exp_avg_sq", "momentum_buffer"};
  return kSlots;
}

}  // namespace gradus::optim
