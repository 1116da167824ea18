// gradus train NAME: runs an example of the model zoo and leaves in --out what it learnt: the history as
// numbers and as a picture, weights, texts and images. All files are written behind the last step, so that a
// run that fails or is stopped leaves what was there before.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <functional>
#include <map>
#include <memory>
#include <optional>

#include "gradus/base/parallel.h"
#include "gradus/data/format/safetensors.h"
#include "gradus/data/image.h"
#include "gradus/tools/command.h"
#include "gradus/tools/interrupt.h"
#include "gradus/tools/plot.h"
#include "gradus/tools/progress.h"
#include "gradus/tools/result_folder.h"
#include "gradus/tools/train.h"
#include "gradus/tools/validators.h"
#include "gradus/tools/zoo_options.h"

namespace gradus::tools {
namespace {

using Clock = std::chrono::steady_clock;

struct Options {
  std::string data;
  std::string out;
  std::int64_t seed = 0;
  int threads = 1;
};

// Shows a run on the terminal and keeps what it leaves until the end.
class TerminalRun : public zoo::Run {
 public:
  TerminalRun(const zoo::Values& values, const std::string& data) : Run(values, data) {}

  void step(std::int64_t step, std::int64_t total, double loss) override {
    interrupt_.check();
    if (!std::isfinite(loss)) {
      throw UsageError(fmt::format("the loss is {} at step {}; try a smaller --lr", loss, step));
    }
    if (!progress_.has_value()) progress_.emplace(std::string(), total);
    progress_->step(step, loss);
  }

  void row(const char* unit, std::int64_t x, const zoo::Figures& figures) override {
    progress_.reset();
    history_.unit = unit;
    if (history_.names.empty()) {
      for (const auto& [name, value] : figures) history_.names.push_back(name);
    }
    History::Row row{.x = x, .values = {}, .seconds = seconds()};
    std::string line = fmt::format("{} {}", unit, x);
    for (const auto& [name, value] : figures) {
      row.values.push_back(value);
      line += fmt::format("  {} {:.4g}", name, value);
    }
    fmt::print("{}  {:.1f} s\n", line, row.seconds);
    std::fflush(stdout);
    history_.rows.push_back(std::move(row));
  }

  void text(std::string_view name, std::string_view text) override {
    progress_.reset();
    fmt::print("--- {}\n{}\n---\n", name, text);
    std::fflush(stdout);
    keep(fmt::format("{}.txt", name),
         [content = fmt::format("{}\n", text)](const std::string& path) { save_text(path, content); });
  }

  void image(std::string_view name, const Tensor& pixels) override {
    keep(fmt::format("{}.png", name),
         [pixels = clone(pixels)](const std::string& path) { check(data::save_image(path, pixels)); });
  }

  void weights(std::string_view name, const nn::Module& model) override {
    NamedTensors state = model.state_dict();
    for (NamedTensor& entry : state) entry.tensor = clone(entry.tensor);
    keep(fmt::format("{}.safetensors", name),
         [state = std::move(state)](const std::string& path) { check(data::save_safetensors(path, state)); });
  }

  void end() { progress_.reset(); }
  double seconds() const { return std::chrono::duration<double>(Clock::now() - start_).count(); }

  void write(const std::string& folder, const std::string& title) const {
    std::string names;
    for (const auto& [name, write] : files_) {
      write(fmt::format("{}/{}", folder, name));
      names += ' ';
      names += name;
    }
    if (!history_.rows.empty()) {
      save_text(folder + "/history.csv", to_csv(history_));
      names += " history.csv";
      if (plot_or_say(history_, title, folder)) names += " history.svg";
    }
    fmt::print("written to {}:{}\n", folder, names);
  }

 private:
  using Write = std::function<void(const std::string& path)>;

  static void check(const absl::Status& status) {
    if (!status.ok()) throw UsageError(std::string(status.message()));
  }
  void keep(std::string name, Write write) { files_.insert_or_assign(std::move(name), std::move(write)); }
  static bool plot_or_say(const History& history, const std::string& title, const std::string& folder) {
    const std::string no_plot = plot(history, title, folder + "/history.svg");
    if (no_plot.empty()) return true;
    fmt::print(stderr, "gradus train: no history.svg: {}; its numbers are in {}/history.csv\n", no_plot,
               folder);
    return false;
  }

  InterruptGuard interrupt_;
  Clock::time_point start_ = Clock::now();
  std::optional<Progress> progress_;
  History history_;
  std::map<std::string, Write> files_;
};

void run(const zoo::Entry& entry, const zoo::Values& values, const Options& o) {
  const std::string out = o.out.empty() ? fmt::format("out/{}", entry.name) : o.out;
  constexpr const char* kAlways[] = {"history.csv"};
  const ResultFolder folder(out, kAlways);
  set_threads(o.threads);
  manual_seed(static_cast<std::uint64_t>(o.seed));
  TerminalRun run(values, o.data);
  fmt::print("{}: {}; results go to {}\n", entry.name, entry.example->title, out);
  std::fflush(stdout);
  const zoo::Figures figures = entry.example->train(run);
  run.end();
  for (const auto& [name, value] : figures) fmt::print("{}: {:.6g}\n", name, value);
  run.write(out, fmt::format("{}: {}", entry.name, entry.example->title));
}

}  // namespace

void add_train_examples(CLI::App& train) {
  for (const zoo::Entry& entry : zoo::examples()) {
    CLI::App* cmd = train.add_subcommand(entry.name, entry.example->title);
    auto o = std::make_shared<Options>();
    const std::shared_ptr<zoo::Values> values = add_zoo_options(*cmd, *entry.example);
    if (*entry.example->data != '\0') {
      cmd->add_option("--data", o->data,
                      fmt::format("Its data, by default where the package {} puts it", entry.example->data))
          ->default_str("")
          ->type_name("PATH");
    }
    cmd->add_option("--seed", o->seed, "Seed of all random numbers")->check(whole_number(0))->type_name("N");
    cmd->add_option("--threads", o->threads,
                    "Threads that compute; another number rounds matrix products in another way")
        ->check(whole_number(1, 1024))
        ->type_name("N");
    cmd->add_option(
           "--out", o->out,
           fmt::format("Folder for the results; by default out/{}. Those of an earlier run there are "
                       "replaced",
                       entry.name))
        ->default_str("")
        ->type_name("DIR");
    cmd->callback([&entry, values, o] { run(entry, *values, *o); });
  }
}

}  // namespace gradus::tools
