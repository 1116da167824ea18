#include "gradus/optim/averaged_weights.h"

#include <fmt/format.h>

#include <algorithm>

#include "gradus/base/format.h"
#include "gradus/graph/describe.h"
#include "gradus/graph/state_entries.h"
#include "gradus/optim/weights.h"

namespace gradus::optim {

AveragedWeights::AveragedWeights(std::vector<Tensor> params, const char* name, Location where)
    : name_(name), params_(std::move(params)) {
  for (std::size_t i = 0; i < params_.size(); ++i) {
    const Tensor& p = params_[i];
    if (!p.defined()) throw_error<ValueError>(where, name, "parameter {} is an empty handle", i);
    if (p.dtype() != DType::f32 && p.dtype() != DType::f64) {
      throw_error<DtypeError>(where, name, "only f32 and f64 parameters can be averaged: {}", describe(p));
    }
    averages_.push_back(p.clone_detached());
  }
}

void AveragedWeights::update(Location where) {
  const double part = rate(++updates_);
  for (std::size_t i = 0; i < params_.size(); ++i) {
    change_by(averages_[i], params_[i], "AveragedWeights::update", where,
              [=](double& average, double w) { average = part == 1.0 ? w : average + part * (w - average); });
  }
}

void AveragedWeights::swap(Location where) {
  for (std::size_t i = 0; i < params_.size(); ++i) {
    Tensor weights = params_[i].clone_detached();
    change_by(params_[i], averages_[i], "AveragedWeights::swap", where, [](double& w, double a) { w = a; });
    averages_[i] = std::move(weights);
  }
}

void AveragedWeights::copy_to_params(Location where) const {
  for (std::size_t i = 0; i < params_.size(); ++i) {
    change_by(params_[i], averages_[i], "AveragedWeights::copy_to_params", where,
              [](double& w, double a) { w = a; });
  }
}

std::vector<std::string> AveragedWeights::keys() const {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < params_.size(); ++i) {
    const std::string_view name = params_[i].name();
    const auto same = [&](const Tensor& p) { return p.name() == name; };
    const bool own = !name.empty() && std::count_if(params_.begin(), params_.end(), same) == 1;
    out.push_back(own ? fmt::format("average.{}", name) : fmt::format("average.{}", i));
  }
  return out;
}

NamedTensors AveragedWeights::state() const {
  NamedTensors out = {{"average.updates", state_scalar(updates_)}};
  const std::vector<std::string> names = keys();
  for (std::size_t i = 0; i < params_.size(); ++i) out.push_back({names[i], averages_[i].clone_detached()});
  return out;
}

void AveragedWeights::load_state(const NamedTensors& state, Location where) {
  const std::string op = fmt::format("{}::load_state", name_);
  StateEntries entries(state, op.c_str(), where);
  const std::int64_t updates = entries.count("average.updates");
  const std::vector<std::string> names = keys();
  std::vector<Tensor> averages;
  for (std::size_t i = 0; i < params_.size(); ++i)
    averages.push_back(entries.tensor(names[i], params_[i].shape(), params_[i].dtype()));
  entries.refuse_rest();
  updates_ = updates;
  averages_ = std::move(averages);
}

EMA::EMA(std::vector<Tensor> params, double decay, Location where)
    : AveragedWeights(std::move(params), "EMA", where), decay_(decay) {
  if (!(decay >= 0.0 && decay <= 1.0)) {
    throw_error<ValueError>(where, "EMA", "decay is {}; it must be >= 0 and <= 1", decay);
  }
}

SWA::SWA(std::vector<Tensor> params, Location where) : AveragedWeights(std::move(params), "SWA", where) {}

}  // namespace gradus::optim
