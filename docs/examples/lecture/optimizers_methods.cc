#include "gradus/docs/examples/lecture/optimizers_methods.h"

#include <algorithm>
#include <cmath>

namespace gradus::lecture {
namespace {

using optim::Optimizer;

std::vector<Tensor> all_of(const Parameters& p) {
  std::vector<Tensor> all = p.matrices;
  all.insert(all.end(), p.others.begin(), p.others.end());
  return all;
}

std::unique_ptr<Optimizer> sgd(const Parameters& p, Setting s) {
  return std::make_unique<optim::SGD>(all_of(p), optim::SGDOptions{.lr = s.lr});
}
std::unique_ptr<Optimizer> momentum(const Parameters& p, Setting s) {
  return std::make_unique<optim::SGD>(all_of(p), optim::SGDOptions{.lr = s.lr, .momentum = 1 - s.second});
}
std::unique_ptr<Optimizer> nesterov(const Parameters& p, Setting s) {
  return std::make_unique<optim::SGD>(
      all_of(p), optim::SGDOptions{.lr = s.lr, .momentum = 1 - s.second, .nesterov = true});
}
std::unique_ptr<Optimizer> adagrad(const Parameters& p, Setting s) {
  return std::make_unique<optim::Adagrad>(all_of(p), optim::AdagradOptions{.lr = s.lr, .eps = s.eps});
}
std::unique_ptr<Optimizer> rmsprop(const Parameters& p, Setting s) {
  return std::make_unique<optim::RMSprop>(
      all_of(p), optim::RMSpropOptions{.lr = s.lr, .alpha = 1 - s.second, .eps = s.eps});
}
std::unique_ptr<Optimizer> adam(const Parameters& p, Setting s) {
  return std::make_unique<optim::Adam>(
      all_of(p), optim::AdamOptions{.lr = s.lr, .betas = {1 - s.second, 0.999}, .eps = s.eps});
}
std::unique_ptr<Optimizer> adamw(const Parameters& p, Setting s) {
  return std::make_unique<optim::AdamW>(
      all_of(p), optim::AdamWOptions{.lr = s.lr, .eps = s.eps, .weight_decay = s.second});
}
std::unique_ptr<Optimizer> lion(const Parameters& p, Setting s) {
  return std::make_unique<optim::Lion>(all_of(p),
                                       optim::LionOptions{.lr = s.lr, .betas = {1 - s.second, 0.99}});
}
// The second hyper-parameter is the rate of AdamW, for what is no hidden matrix.
std::unique_ptr<Optimizer> muon(const Parameters& p, Setting s) {
  std::vector<optim::MuonGroup> groups = {{.params = p.matrices, .lr = s.lr}};
  if (!p.others.empty()) groups.push_back({.params = p.others, .lr = s.second, .use_muon = false});
  return std::make_unique<optim::Muon>(std::move(groups), optim::MuonOptions{.weight_decay = 0});
}

// Three decades of the rate around what is usual, and the second hyper-parameter as far as it makes sense.
constexpr Interval kOneMinusMomentum{0.01, 0.5};
constexpr Method kMethods[] = {
    {"SGD", "", {0.01, 10}, {1, 1}, 1, sgd},
    {"momentum", "1 - momentum", {0.001, 1}, kOneMinusMomentum, 0.1, momentum},
    {"Nesterov", "1 - momentum", {0.001, 1}, kOneMinusMomentum, 0.1, nesterov},
    {"Adagrad", "", {0.001, 1}, {1, 1}, 1, adagrad},
    {"RMSprop", "1 - alpha", {1e-4, 0.1}, {0.001, 0.1}, 0.01, rmsprop},
    {"Adam", "1 - beta1", {1e-4, 0.1}, kOneMinusMomentum, 0.1, adam},
    {"AdamW", "weight decay", {1e-4, 0.1}, {1e-3, 1}, 0.01, adamw},
    {"Lion", "1 - beta1", {1e-5, 0.01}, kOneMinusMomentum, 0.1, lion},
    {"Muon", "rate of the rest", {3e-4, 0.3}, {1e-3, 0.1}, 0.01, muon},
};

}  // namespace

double Interval::at(double u) const { return least * std::pow(most / least, u); }

std::span<const Method> methods() { return kMethods; }

double largest_relative_difference(std::span<const double> a, std::span<const double> b) {
  double worst = a.size() == b.size() ? 0 : HUGE_VAL;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i)
    worst = std::max(worst, std::abs(a[i] - b[i]) / std::abs(b[i]));
  return worst;
}

// Nine methods, eight line types: Nesterov and AdamW are dashed, as variants of what stands before them.
const char* const kMethodWords = R"(
names = 'SGD momentum Nesterov Adagrad RMSprop Adam AdamW Lion Muon'
types = '7 1 6 3 5 2 2 4 8'
dashes = '1 1 2 1 1 1 2 1 1'
lt(m) = word(types, m + 1) + 0
dt(m) = word(dashes, m + 1) + 0
)";

}  // namespace gradus::lecture
