// The parts of the lesson hyper-parameters.
#pragma once

#include "gradus/docs/examples/lecture/lesson.h"
#include "gradus/optim/search/plan.h"

namespace gradus::lecture {

namespace search = optim::search;

// What can be checked against a formula: the size of a grid, the chance of random points, Hyperband's table,
// the Gaussian process, the expected improvement.
void check_closed_forms(Lab& lab);

// Bayesian search along one axis, step by step.
void show_model(Lab& lab);

// Three methods on Branin's function, whose minimum is known. Counts as progress from `done` on to `total`.
void compare_on_branin(Lab& lab, std::int64_t done, std::int64_t total);

// The least loss of all trials up to each.
std::vector<double> best_so_far(const std::vector<search::Tried>& tried);

}  // namespace gradus::lecture
