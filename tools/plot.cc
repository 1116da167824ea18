#include "gradus/tools/plot.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "gradus/base/file.h"
#include "gradus/tools/csv.h"

extern char** environ;  // NOLINT(readability-redundant-declaration): POSIX leaves it to the program

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

// 1, 2, 5, 10, ...: so far apart that at most ten marks are needed.
int tic_step(int epochs) {
  int step = 1;
  for (int i = 0; step * 10 < epochs; ++i) step = i % 3 == 1 ? step / 2 * 5 : step * 2;
  return step;
}

std::string history_script(const std::vector<Epoch>& history, const std::string& title,
                           const std::string& output) {
  std::string data;
  for (const Epoch& e : history) {
    data += fmt::format("{} {} {} {}\n", e.epoch, e.train_loss, e.test_loss, 100 * e.test_accuracy);
  }
  const int last = history.empty() ? 1 : history.back().epoch;
  return fmt::format(
      "set terminal svg size 900,400 font 'Helvetica,14' background '#ffffff'\n"
      "set output {}\n"
      "$history << EOD\n{}EOD\n"
      "set multiplot layout 1,2 title {} noenhanced\n"
      "set border 3 lc rgb '#55606e'\nset tics nomirror out\nset grid ytics lt 1 lc rgb '#dddddd'\n"
      "set xlabel 'epoch'\nset xtics {}\nset xrange [0.5:{}.5]\n"
      "set ylabel 'cross entropy (nats)'\nset yrange [0:*]\nset key top right\n"
      "plot $history using 1:2 with linespoints lw 2 pt 7 ps 0.5 lc rgb '{}' title 'training loss', "
      "'' using 1:3 with linespoints lw 2 pt 5 ps 0.5 dt 2 lc rgb '{}' title 'test loss'\n"
      "set ylabel 'test accuracy (%)'\nset yrange [*:*]\nunset key\n"
      "plot $history using 1:4 with linespoints lw 2 pt 9 ps 0.6 lc rgb '{}'\n"
      "unset multiplot\n",
      quoted(output), data, quoted(title), tic_step(last), last, kBlue, kOrange, kGreen);
}

std::string panels_script(const History& history, const std::string& title, const std::string& output) {
  std::string data;
  for (const History::Row& row : history.rows) {
    data += fmt::format("{}", row.x);
    for (const double value : row.values) data += fmt::format(" {}", value);
    data += "\n";
  }
  const std::size_t columns = history.names.size() == 1 ? 1 : 2;
  const std::size_t rows = (history.names.size() + columns - 1) / columns;
  std::string script = fmt::format(
      "set terminal svg size {},{} font 'Helvetica,14' background '#ffffff'\n"
      "set output {}\n"
      "$history << EOD\n{}EOD\n"
      "set multiplot layout {},{} title {} noenhanced\n"
      "set border 3 lc rgb '#55606e'\nset tics nomirror out\nset grid ytics lt 1 lc rgb '#dddddd'\n"
      "set xlabel {} noenhanced\nunset key\n",
      450 * columns, 60 + 300 * rows, quoted(output), data, rows, columns, quoted(title),
      quoted(history.unit));
  // Every whole number of a few, where gnuplot would put halves between them.
  if (!history.rows.empty() && history.rows.back().x <= 10) script += "set xtics 1\n";
  for (std::size_t i = 0; i < history.names.size(); ++i) {
    script += fmt::format(
        "set ylabel {} noenhanced\nplot $history using 1:{} with {} lw 2 pt 7 ps 0.5 lc rgb '{}'\n",
        quoted(history.names[i]), i + 2, history.rows.size() > 60 ? "lines" : "linespoints", kBlue);
  }
  return script + "unset multiplot\n";
}

// Runs gnuplot with the script on its standard input, without a shell and without a pipe that could break.
// Returns an empty string, or what went wrong.
std::string run_gnuplot(const std::string& script) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> input(std::tmpfile(), std::fclose);
  if (input == nullptr || std::fwrite(script.data(), 1, script.size(), input.get()) != script.size() ||
      std::fflush(input.get()) != 0) {
    return fmt::format("cannot write gnuplot's script: {}", std::strerror(errno));
  }
  std::rewind(input.get());
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_adddup2(&files, fileno(input.get()), 0);
  posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addopen(&files, 2, "/dev/null", O_WRONLY, 0);
  char program[] = "gnuplot";
  char* const arguments[] = {program, nullptr};
  pid_t child = 0;
  const int error = posix_spawnp(&child, program, &files, nullptr, arguments, environ);
  posix_spawn_file_actions_destroy(&files);
  if (error == ENOENT) return "gnuplot is not installed (package gnuplot-nox)";
  if (error != 0) return fmt::format("gnuplot could not be started: {}", std::strerror(error));
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? "" : "gnuplot failed";
}

// Draws into `path`. Returns an empty string, or why there is no picture.
template <class Script>
std::string draw_to(const std::string& path, Script script) {
  absl::StatusOr<AtomicFile> file = AtomicFile::create(path);
  if (!file.ok()) return std::string(file.status().message());
  if (std::string why = run_gnuplot(script(file->temporary_path())); !why.empty()) return why;
  if (const absl::Status s = file->commit(); !s.ok()) return std::string(s.message());
  return "";
}

}  // namespace

std::string plot_history(const std::vector<Epoch>& history, const std::string& title,
                         const std::string& path) {
  return draw_to(path, [&](const std::string& output) { return history_script(history, title, output); });
}

std::string to_csv(const History& history) {
  std::string csv = csv_field(history.unit);
  for (const std::string& name : history.names) csv += "," + csv_field(name);
  csv += ",seconds\n";
  for (const History::Row& row : history.rows) {
    csv += fmt::format("{}", row.x);
    for (const double value : row.values) csv += fmt::format(",{:.7g}", value);
    csv += fmt::format(",{:.3f}\n", row.seconds);
  }
  return csv;
}

std::string draw(const std::string& path, const std::string& terminal, const std::string& script) {
  return draw_to(path, [&](const std::string& output) {
    std::string text =
        fmt::format("set terminal {} background '#ffffff'\nset output {}\n", terminal, quoted(output));
    // Okabe and Ito's palette.
    int type = 0;
    for (const char* colour : {kBlue, kOrange, kGreen, "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#9aa4af"})
      text += fmt::format("set linetype {} lc rgb '{}'\n", ++type, colour);
    text += "set border 3 lc rgb '#55606e'\nset tics nomirror out\nset grid lt 1 lw 0.5 lc rgb '#e4e7eb'\n";
    return text + script;
  });
}

std::string plot(const History& history, const std::string& title, const std::string& path) {
  return draw_to(path, [&](const std::string& output) { return panels_script(history, title, output); });
}

}  // namespace gradus::tools
