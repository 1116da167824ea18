// The trials of a search, side by side in threads of this process.
#pragma once

#include <functional>
#include <vector>

#include "gradus/tools/interrupt.h"
#include "gradus/tools/search_task.h"

namespace gradus::tools {

// The names of the figures that an example reports, by a run on its small budget. Errors: what that throws;
// Interrupted.
std::vector<std::string> names_of_figures(const zoo::Entry& entry, const std::string& data,
                                          const InterruptGuard& interrupt);

// Begins to train on the small budget and stops at the first step, so that data that is missing is found out
// before there is a folder of results. Errors: what that throws; Interrupted.
void check_example(const zoo::Entry& entry, const std::string& data, const InterruptGuard& interrupt);

// Runs the trials of the plan that are not among `results`, `jobs` at a time, and adds theirs; `ended` is
// called with each, on the calling thread. A trial draws its random numbers from a generator of its own,
// whose seed follows from the search's and the trial's number: as `gradus train NAME --seed` of that number
// would. Errors: Interrupted, where the user asked for it; trials that run then are given up.
void run_trials(const SearchTask& task, std::vector<TrialResult>& results, int jobs,
                const InterruptGuard& interrupt, const std::function<void(const TrialResult&)>& ended);

}  // namespace gradus::tools
