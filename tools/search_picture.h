// The picture of a search: the metric of each trial and the best so far, and the metric against each option
// that was searched.
#pragma once

#include <string>
#include <vector>

#include "gradus/tools/search_task.h"

namespace gradus::tools {

// Returns an empty string, or why there is no picture.
std::string draw_search(const SearchTask& task, std::vector<TrialResult> results, const std::string& path);

}  // namespace gradus::tools
