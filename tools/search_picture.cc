#include "gradus/tools/search_picture.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "gradus/tools/plot.h"

namespace gradus::tools {
namespace {

using optim::search::Scale;

std::string quoted(const std::string& s) {
  std::string out = "'";
  for (const char c : s) out += c == '\'' ? "''" : std::string(1, c);
  return out + "'";
}

// Losses of trials that diverge would press all others into one line.
bool spans_decades(const std::vector<TrialResult>& ended) {
  const auto [least, most] = std::ranges::minmax(ended, {}, &TrialResult::metric);
  return least.metric > 0 && most.metric > 30 * least.metric;
}

}  // namespace

std::string draw_search(const SearchTask& task, std::vector<TrialResult> results, const std::string& path) {
  std::erase_if(results, [](const TrialResult& r) { return r.failed(); });
  if (results.empty()) return "no trial ended well";
  std::ranges::sort(results, {}, &TrialResult::number);
  std::string data = "$trials << EOD\n";
  double best_loss = std::numeric_limits<double>::infinity(), best = 0;
  for (const TrialResult& r : results) {
    if (loss(task, r) < best_loss) {
      best_loss = loss(task, r);
      best = r.metric;
    }
    data += fmt::format("{} {} {}", r.number, r.metric, best);
    for (const double v : r.trial.point) data += fmt::format(" {}", v);
    data += "\n";
  }
  data += "EOD\n$best << EOD\n";
  const TrialResult& winner = *best_trial(task, results);
  data += fmt::format("{} {} {}", winner.number, winner.metric, winner.metric);
  for (const double v : winner.trial.point) data += fmt::format(" {}", v);
  data += "\nEOD\n";

  const std::size_t panels = task.dimensions.size() + 1, columns = panels < 3 ? panels : panels == 4 ? 2 : 3;
  const std::size_t rows = (panels + columns - 1) / columns;
  std::string script =
      data + fmt::format("set multiplot layout {},{} title {} noenhanced\nset ylabel {} noenhanced\n", rows,
                         columns,
                         quoted(fmt::format("{}: {} by {} search, {} trials", task.entry->name, task.metric,
                                            task.method, results.size())),
                         quoted(task.metric));
  if (spans_decades(results)) script += "set logscale y\nset format y '%g'\n";
  script += fmt::format(
      "set key above\nset tmargin 4\nset xlabel 'trial'\n"
      "plot $trials using 1:2 with points lt 6 pt 7 ps 0.6 title 'trial', "
      "'' using 1:3 with steps lt 1 lw 2 title 'best so far'\n");
  for (std::size_t i = 0; i < task.dimensions.size(); ++i) {
    const auto& d = task.dimensions[i];
    script += d.scale == Scale::log ? "set logscale x\nset format x '10^{%L}'\n"
                                    : "unset logscale x\nset format x '%g'\n";
    // Powers of ten say nothing where there is none in the range.
    if (d.scale == Scale::log && d.most < 100 * d.least) script += "set format x '%g'\n";
    script += fmt::format(
        "set xlabel {} noenhanced\n"
        "plot $trials using {}:2 with points lt 6 pt 7 ps 0.6 title 'trial', "
        "$best using {}:2 with points lt 2 pt 7 ps 1 title 'best'\n",
        quoted(d.name), i + 4, i + 4);
  }
  return draw(path, fmt::format("svg size {},{} font 'Helvetica,13'", 330 * columns, 50 + 290 * rows),
              script + "unset multiplot\n");
}

}  // namespace gradus::tools
