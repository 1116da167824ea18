// L-BFGS: a quasi-Newton method for full batches, with a strong Wolfe line search on request; the formula is
// in lbfgs.cc. It asks for losses and gradients itself, so step() takes a closure.
#pragma once

#include "gradus/base/function_ref.h"
#include "gradus/optim/optimizer.h"

namespace gradus::optim {

enum class LineSearch : std::uint8_t { none, strong_wolfe };

struct LBFGSOptions {
  double lr = 1.0;
  std::int64_t max_iter = 20;  // iterations a step()
  std::int64_t max_eval = 0;   // calls of the closure a step(); 0: max_iter * 5 / 4
  double tolerance_grad = 1e-7;
  double tolerance_change = 1e-9;
  std::int64_t history_size = 100;
  LineSearch line_search_fn = LineSearch::none;
  bool maximize = false;
};

// All parameters are one group, since they are one vector.
struct LBFGSGroup {
  std::vector<Tensor> params = {};
};

class LBFGS final : public GroupedOptimizer<LBFGS, LBFGSOptions, LBFGSGroup> {
 public:
  explicit LBFGS(std::vector<Tensor> params, const Options& options = {},
                 Location where = Location::current())
      : GroupedOptimizer(std::move(params), options, where) {}

  // `closure` clears the gradients, computes the loss, walks backward and returns the loss; it is called at
  // several weights. A parameter without gradient counts as one with 0. Returns the first loss. Errors: those
  // of step(), and what the closure throws; the weights are then those after the last whole iteration.
  double step(FunctionRef<Tensor()> closure, Location where = Location::current());

  std::int64_t iterations() const { return memory_.iterations; }
  std::int64_t evaluations() const { return memory_.evaluations; }

 private:
  friend GroupedOptimizer;
  using GroupedOptimizer::add_group;
  using Vector = std::vector<double>;
  // What one step() leaves for the next one. Kept in f64 for f32 parameters too.
  struct Memory {
    std::int64_t iterations = 0, evaluations = 0;
    double length = 0.0;    // of the last step along the direction
    double diagonal = 1.0;  // of the first approximation of the inverse Hessian
    Vector direction, gradient;
    std::vector<Vector> changes, steps;  // of gradients (y) and of weights (s), oldest first
    Vector inverse;                      // 1 / (y s)
  };
  struct Point;

  static constexpr const char* kName = "LBFGS";
  static Options resolve(const Group&, const Options& defaults) { return defaults; }
  static std::vector<Option> table(Options& o);
  static unsigned slots(const Options&, const Tensor&) { return 0; }

  bool is_elementwise() const override { return false; }
  void update(Location where) override;
  std::span<const char* const> slot_names() const override { return {}; }
  void save_more(NamedTensors& out) const override;
  void check_more(StateEntries& entries, const char* op, Location where) override;
  void load_more() override { memory_ = std::move(loaded_); }

  std::int64_t numel() const;
  Vector gather_weights() const;
  Vector gather_gradient() const;
  void set_weights(const Vector& from, double length, const Vector& direction, Location where) const;
  void remember(const Vector& gradient);
  Vector direction_for(const Vector& gradient) const;
  template <class Evaluate>
  Point search(const Evaluate& evaluate, double length, const Point& begin, double widest,
               std::int64_t most_evaluations, std::int64_t& evaluations) const;

  Memory memory_, loaded_;
};

}  // namespace gradus::optim
