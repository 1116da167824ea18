// EMA and SWA: averages of weights over the course of training, which often do better than the last weights.
// They hold copies and refer to the parameters.
#pragma once

#include <span>
#include <vector>

#include "gradus/graph/named_tensor.h"
#include "gradus/graph/tensor.h"

namespace gradus::optim {

// The common part of EMA and SWA. The first update() copies the weights.
class AveragedWeights {
 public:
  virtual ~AveragedWeights() = default;
  AveragedWeights(const AveragedWeights&) = delete;
  AveragedWeights& operator=(const AveragedWeights&) = delete;

  // Takes the present weights into the average; after each step, or after each epoch.
  void update(Location where = Location::current());
  std::int64_t updates() const { return updates_; }
  // The averages, in the order of the parameters; their first values before the first update().
  std::span<const Tensor> averages() const { return averages_; }
  // Exchanges averages and weights: once to evaluate with the averages, once more to train on.
  void swap(Location where = Location::current());
  // Writes the averages into the weights.
  void copy_to_params(Location where = Location::current()) const;

  // `average.updates` and `average.<parameter>`; a parameter is called by its name(), or by its index.
  NamedTensors state() const;
  // Errors, with nothing changed: ValueError, ShapeError, DtypeError.
  void load_state(const NamedTensors& state, Location where = Location::current());

 protected:
  // Errors: ValueError for an empty handle, DtypeError for what is neither f32 nor f64.
  AveragedWeights(std::vector<Tensor> params, const char* name, Location where);
  // How much of the way to the weights an average goes at its update n = 1, 2, ...
  virtual double rate(std::int64_t n) const = 0;

 private:
  std::vector<std::string> keys() const;

  const char* name_;
  std::vector<Tensor> params_;
  std::vector<Tensor> averages_;
  std::int64_t updates_ = 0;
};

// Exponential moving average: average = decay average + (1 - decay) weight.
// Source: torch.optim.swa_utils.get_ema_avg_fn (PyTorch 2); Polyak, Juditsky, SIAM J. Control Optim. 30
// (1992).
class EMA final : public AveragedWeights {
 public:
  // Errors: ValueError for a decay outside [0, 1].
  explicit EMA(std::vector<Tensor> params, double decay = 0.999, Location where = Location::current());

 private:
  double rate(std::int64_t n) const override { return n == 1 ? 1.0 : 1.0 - decay_; }
  double decay_;
};

// Stochastic weight averaging: the mean of the weights at all updates.
// Source: torch.optim.swa_utils.AveragedModel (PyTorch 2); Izmailov et al.: "Averaging weights leads to wider
// optima and better generalization", UAI 2018.
class SWA final : public AveragedWeights {
 public:
  explicit SWA(std::vector<Tensor> params, Location where = Location::current());

 private:
  double rate(std::int64_t n) const override { return 1.0 / static_cast<double>(n); }
};

}  // namespace gradus::optim
