#include "gradus/tools/search_task.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "gradus/base/error.h"
#include "gradus/tools/command.h"

namespace gradus::tools {
namespace {

using optim::search::Dimension;
using optim::search::Scale;

std::vector<std::string> split(std::string_view text, char at) {
  std::vector<std::string> parts;
  for (;;) {
    const std::size_t end = text.find(at);
    parts.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

double number(const std::string& text) {
  double value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end || !std::isfinite(value))
    throw UsageError(fmt::format("'{}' is not a number", text));
  return value;
}

Dimension parse(std::string_view text, const zoo::Example& example) {
  const std::size_t equals = text.find('=');
  const std::string name(text.substr(0, equals));
  const auto option = std::ranges::find(example.options, name, &zoo::Option::name);
  if (option == example.options.end()) {
    std::vector<std::string> known;
    for (const zoo::Option& o : example.options) known.emplace_back(o.name);
    throw UsageError(unknown_name("option", name, known));
  }
  if (equals == std::string_view::npos) throw UsageError("write NAME=SCALE:FROM:TO, such as lr=log:1e-4:1");
  const std::vector<std::string> parts = split(text.substr(equals + 1), ':');
  Dimension d{.name = name, .whole = option->whole};
  const std::vector<std::string> scales = {"linear", "log", "int", "choice"};
  if (std::ranges::find(scales, parts[0]) == scales.end())
    throw UsageError(unknown_name("scale", parts[0], scales));
  if (parts[0] == "choice") {
    if (parts.size() != 2) throw UsageError("write the values of a choice as choice:1,2,3");
    d.scale = Scale::choice;
    for (const std::string& value : split(parts[1], ',')) d.choices.push_back(number(value));
  } else {
    if (parts.size() != 3) throw UsageError(fmt::format("write both ends as {}:FROM:TO", parts[0]));
    d.scale = parts[0] == "log" ? Scale::log : Scale::linear;
    d.whole = d.whole || parts[0] == "int";
    d.least = number(parts[1]);
    d.most = number(parts[2]);
  }
  static_cast<void>(optim::search::Space({d}));  // throws for what is no range
  std::vector<double> ends = d.choices;
  if (d.scale != Scale::choice) ends = {d.least, d.most};
  zoo::Values values(example.options);
  for (const double v : ends) values.set(name, v);  // throws for what the option does not take
  return d;
}

}  // namespace

Dimension parse_dimension(std::string_view text, const zoo::Example& example) {
  try {
    return parse(text, example);
  } catch (const std::exception& e) {
    std::string_view what = e.what();
    if (constexpr std::string_view kSpace = "Space: "; what.starts_with(kSpace))
      what.remove_prefix(kSpace.size());
    throw UsageError(fmt::format("--space {}: {}", text, what));
  }
}

const TrialResult* best_trial(const SearchTask& task, const std::vector<TrialResult>& results) {
  const TrialResult* best = nullptr;
  for (const TrialResult& r : results) {
    if (!r.failed() && (best == nullptr || loss(task, r) < loss(task, *best))) best = &r;
  }
  return best;
}

std::string describe(const SearchTask& task, const optim::search::Trial& trial) {
  std::string text;
  for (std::size_t i = 0; i < task.searched.size(); ++i)
    text += fmt::format("{}{} {:.4g}", i == 0 ? "" : "  ", task.searched[i], trial.point[i]);
  if (!task.resource.empty()) text += fmt::format("  {} {}", task.resource, trial.resource);
  return text;
}

}  // namespace gradus::tools
