// Muon: momentum whose step is made orthogonal, for the matrices of hidden layers. Groups with use_muon =
// false (biases, embeddings, the last layer) are stepped by AdamW. The formula is in muon.cc.
#pragma once

#include "gradus/optim/optimizer.h"

namespace gradus::optim {

// What lr is multiplied by for a matrix [a, b]: sqrt(max(1, a / b)); 0.2 sqrt(max(a, b)); sqrt(a / b).
enum class AdjustLr : std::uint8_t { original, match_rms_adamw, spectral_unclamped };

struct MuonOptions {
  double lr = 1e-3;
  double weight_decay = 0.1;  // times lr, taken off the weight itself
  double momentum = 0.95;
  bool nesterov = true;
  std::array<double, 3> ns_coefficients = {3.4445, -4.7750, 2.0315};
  double eps = 1e-7;
  std::int64_t ns_steps = 5;  // below 100
  AdjustLr adjust_lr_fn = AdjustLr::original;
  bool use_muon = true;  // false: AdamW, with the two options below
  std::array<double, 2> betas = {0.9, 0.999};
  double adam_eps = 1e-8;
  bool maximize = false;
};

struct MuonGroup {
  std::vector<Tensor> params = {};
  std::optional<double> lr = {};
  std::optional<double> weight_decay = {};
  std::optional<double> momentum = {};
  std::optional<bool> nesterov = {};
  std::optional<std::array<double, 3>> ns_coefficients = {};
  std::optional<double> eps = {};
  std::optional<std::int64_t> ns_steps = {};
  std::optional<AdjustLr> adjust_lr_fn = {};
  std::optional<bool> use_muon = {};
  std::optional<std::array<double, 2>> betas = {};
  std::optional<double> adam_eps = {};
  std::optional<bool> maximize = {};
};

class Muon final : public GroupedOptimizer<Muon, MuonOptions, MuonGroup> {
 public:
  using GroupedOptimizer::GroupedOptimizer;

 private:
  friend GroupedOptimizer;
  static constexpr const char* kName = "Muon";
  static Options resolve(const Group& g, const Options& defaults);
  static std::vector<Option> table(Options& o);
  static unsigned slots(const Options& o, const Tensor& param);
  static void check_options(const Options& o, const char* op, Location where);
  static void check_member(const Options& o, const Tensor& p, const char* op, Location where);

  bool is_elementwise() const override { return false; }
  void update(Location where) override;
  std::span<const char* const> slot_names() const override;
  unsigned late_slots() const override { return 7; }
};

}  // namespace gradus::optim
