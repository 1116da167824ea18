#include "gradus/tools/plot.h"

#include <fmt/format.h>
#include <sys/wait.h>

#include <cstdio>

#include "gradus/base/file.h"

namespace gradus::tools {
namespace {

// Okabe and Ito's palette, which colour-blind readers can tell apart.
constexpr const char* kBlue = "#0072b2";
constexpr const char* kOrange = "#d55e00";
constexpr const char* kGreen = "#009e73";

std::string quoted(const std::string& s) {
  std::string out = "'";
  for (char c : s) out += c == '\'' ? "''" : std::string(1, c);
  return out + "'";
}

}  // namespace

std::string plot_history(const std::vector<Epoch>& history, const std::string& title,
                         const std::string& path) {
  absl::StatusOr<AtomicFile> file = AtomicFile::create(path);
  if (!file.ok()) return std::string(file.status().message());
  std::string data = "$history << EOD\n";
  for (const Epoch& e : history) {
    data += fmt::format("{} {} {} {}\n", e.epoch, e.train_loss, e.test_loss, 100 * e.test_accuracy);
  }
  data += "EOD\n";
  const std::string script = fmt::format(
      "set terminal svg size 800,480 font 'Helvetica,14' background 'white'\n"
      "set output {}\n"
      "set title {}\n"
      "set xlabel 'epoch'\nset ylabel 'cross entropy (nats)'\nset y2label 'test accuracy (%)'\n"
      "set ytics nomirror\nset y2tics\nset xtics 1,{}\nset grid ytics lc rgb '#dddddd'\nset key outside "
      "bottom center horizontal\n"
      "set yrange [0:*]\nset offsets graph 0.03, graph 0.03, graph 0.05, 0\n{}"
      "plot $history using 1:2 with linespoints lw 2 pt 7 ps 0.6 lc rgb '{}' title 'training loss', "
      "'' using 1:3 with linespoints lw 2 pt 5 ps 0.6 dt 2 lc rgb '{}' title 'test loss', "
      "'' using 1:4 axes x1y2 with linespoints lw 2 pt 9 ps 0.7 lc rgb '{}' title 'test accuracy'\n",
      quoted(file->temporary_path()), quoted(title), history.size() > 20 ? 5 : 1, data, kBlue, kOrange,
      kGreen);
  std::FILE* gnuplot = popen("gnuplot 2>&1 >/dev/null", "w");
  if (gnuplot == nullptr) return "gnuplot could not be started";
  std::fwrite(script.data(), 1, script.size(), gnuplot);
  const int status = pclose(gnuplot);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    return WIFEXITED(status) && WEXITSTATUS(status) == 127 ? "gnuplot is not installed (package gnuplot-nox)"
                                                           : "gnuplot failed";
  }
  if (const absl::Status s = file->commit(); !s.ok()) return std::string(s.message());
  return "";
}

}  // namespace gradus::tools
