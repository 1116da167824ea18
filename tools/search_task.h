// What `gradus search` searches for, and what a trial has left.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gradus/docs/examples/zoo/zoo.h"
#include "gradus/optim/search/plan.h"

namespace gradus::tools {

// The searched values of an option as the command line gives them, "lr=log:1e-4:1": a scale, or "int" for
// whole numbers, and both ends, or "choice:" and the values. An option of whole numbers gets whole numbers on
// any scale. Errors: UsageError for an option that the example lacks, and for values that it does not take.
optim::search::Dimension parse_dimension(std::string_view text, const zoo::Example& example);

struct SearchTask {
  const zoo::Entry* entry;
  zoo::Values values;                                           // the options that are not searched
  std::vector<std::pair<std::string, std::string>> given = {};  // those of them that the command line gives
  std::string data = {};
  std::vector<std::string> searched = {};  // the names of the dimensions
  std::vector<optim::search::Dimension> dimensions = {};
  std::string method = {};
  std::unique_ptr<optim::search::Plan> plan = {};
  std::string resource = {};  // the option that Hyperband shares out, or empty
  std::string metric = {};
  bool maximize = false;
  std::uint64_t seed = 0;
  // All that decides what trial k finds, by name, to know the search again.
  std::vector<std::pair<std::string, std::string>> description = {};
};

struct TrialResult {
  std::int64_t number = 0;  // counted from 0
  optim::search::Trial trial = {};
  std::uint64_t seed = 0;  // of its random numbers
  double metric = std::numeric_limits<double>::quiet_NaN();
  zoo::Figures figures = {};
  std::string failure = {};  // empty: it ended well
  double seconds = 0;

  bool failed() const { return !failure.empty(); }
};

// What a plan is told: less is better, NaN for a trial that failed.
inline double loss(const SearchTask& task, const TrialResult& result) {
  return task.maximize ? -result.metric : result.metric;
}

// The best of all that ended well; null if there is none.
const TrialResult* best_trial(const SearchTask& task, const std::vector<TrialResult>& results);

// "lr 0.00213  batch-size 64", with Hyperband's resource.
std::string describe(const SearchTask& task, const optim::search::Trial& trial);

}  // namespace gradus::tools
