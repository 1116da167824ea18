// Methods of searching for hyper-parameters. A plan says what trial `number` tries, from the trials before it
// and the seed alone: the same whichever trials run side by side, and again when a search goes on that was
// stopped. What a trial does is the caller's business; its result is a loss, less is better.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <vector>

#include "gradus/base/function_ref.h"
#include "gradus/optim/search/hyperband.h"
#include "gradus/optim/search/space.h"

namespace gradus::optim::search {

struct Trial {
  Point point;
  std::int64_t resource = 0;  // of Hyperband, such as epochs; 0: all that there is
};

struct Tried {
  Point point;
  double loss = std::numeric_limits<double>::quiet_NaN();  // NaN: it failed, or has not ended
};

class Plan {
 public:
  virtual ~Plan() = default;
  // How many trials there are.
  virtual std::int64_t trials() const = 0;
  // What trial() will say of it: how long a trial takes, in proportion. 0: all take as long.
  virtual std::int64_t resource(std::int64_t) const { return 0; }
  // How many of the first trials must have ended before this one is asked for.
  virtual std::int64_t needs(std::int64_t number) const = 0;
  // `earlier` holds the points of all trials before this one, and the losses of the first needs(number).
  // Other losses are not looked at. Not for use from two threads at once.
  virtual Trial trial(std::int64_t number, std::span<const Tried> earlier) const = 0;
};

// All errors: ValueError for numbers that cannot be.

// The points of a grid; grid_axes() says which.
std::unique_ptr<Plan> grid_search(const Space& space, std::int64_t trials);

// Points drawn alike from all over the space.
std::unique_ptr<Plan> random_search(const Space& space, std::int64_t trials, std::uint64_t seed);

struct HyperbandOptions {
  std::int64_t max_resource = 81;
  std::int64_t eta = 3;
  std::int64_t trials =
      0;  // at most; brackets are repeated with other points until then. 0: all of them once
};
// The brackets of hyperband_brackets(), one after the other, their configurations drawn at random. Each rung
// is as many trials; the configurations that it takes from the rung before are trained anew.
std::unique_ptr<Plan> hyperband_search(const Space& space, const HyperbandOptions& options,
                                       std::uint64_t seed);

struct BayesOptions {
  std::int64_t lag = 0;  // the latest trials that are not waited for, so that lag + 1 can run side by side
  std::int64_t at_first = 0;  // trials at random before a model is trusted; 0: dimensions + 2
};
// The point of highest expected improvement under a Gaussian process that is fitted to the losses so far. A
// trial that has failed counts as one with the worst loss. For trials that still run the mean of the process
// stands in, so that points keep apart.
std::unique_ptr<Plan> bayes_search(const Space& space, std::int64_t trials, std::uint64_t seed,
                                   const BayesOptions& options = {});

// Runs a plan from its first trial to its last.
std::vector<Tried> search(const Plan& plan, FunctionRef<double(std::int64_t number, const Trial&)> loss);

}  // namespace gradus::optim::search
