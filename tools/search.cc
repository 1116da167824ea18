// gradus search NAME: looks for the best options of an example of the model zoo. Each trial is one training;
// it is written to --out as it ends, so that a search that was stopped goes on with --resume.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>
#include <thread>

#include "gradus/base/error.h"
#include "gradus/base/parallel.h"
#include "gradus/tools/command.h"
#include "gradus/tools/result_folder.h"
#include "gradus/tools/search_picture.h"
#include "gradus/tools/search_run.h"
#include "gradus/tools/search_store.h"
#include "gradus/tools/search_task.h"
#include "gradus/tools/validators.h"
#include "gradus/tools/zoo_options.h"

namespace gradus::tools {
namespace {

using optim::search::Dimension;
using optim::search::Space;

constexpr std::int64_t kTrials = 20;

struct Options {
  std::vector<std::string> space;
  std::string method = "random";
  std::int64_t trials = 0;  // 0: not given
  std::string metric;
  bool maximize = false, minimize = false, resume = false;
  int jobs = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  std::int64_t seed = 0;
  std::int64_t eta = 3;
  std::string resource;
  std::int64_t lag = 3;
  std::string data, out;
  std::map<std::string, double> given;  // of the example's own
};

// As few as do, to be typed again.
std::string text(double value) { return fmt::format("{}", value); }

std::vector<Dimension> dimensions(const zoo::Example& example, const Options& o) {
  if (o.space.empty()) {
    std::string some;
    for (const zoo::Option& option : example.options)
      some += fmt::format("{}{}", some.empty() ? "" : ", ", option.name);
    throw UsageError(
        fmt::format("what is to be searched? Give --space NAME=SCALE:FROM:TO, such as --space "
                    "lr=log:1e-4:1; its options are {}",
                    some));
  }
  std::vector<Dimension> result;
  for (const std::string& s : o.space) {
    result.push_back(parse_dimension(s, example));
    const std::string& name = result.back().name;
    if (o.given.contains(name))
      throw UsageError(fmt::format("--{} is both given and searched; leave out one of them", name));
    if (std::ranges::count(result, name, &Dimension::name) > 1)
      throw UsageError(fmt::format("--space {}: {} is searched already", s, name));
  }
  return result;
}

// Which option Hyperband shares out. Errors: UsageError.
const zoo::Option& resource(const zoo::Example& example, const Options& o,
                            std::span<const Dimension> searched) {
  std::vector<std::string> known;
  for (const zoo::Option& option : example.options) {
    if (option.whole) known.emplace_back(option.name);
  }
  std::string name = o.resource;
  for (const char* usual : {"epochs", "steps", "episodes", "updates", "rounds"}) {
    if (name.empty() && std::ranges::find(known, usual) != known.end()) name = usual;
  }
  if (std::ranges::find(known, name) == known.end()) {
    throw UsageError(name.empty() ? "which option is the budget of a trial? Give it by --resource"
                                  : unknown_name("whole-numbered option of --resource", name, known));
  }
  if (std::ranges::count(searched, name, &Dimension::name) > 0) {
    throw UsageError(
        fmt::format("{} is searched, and Hyperband shares it out; search another option, or give "
                    "another budget by --resource",
                    name));
  }
  return *std::ranges::find(example.options, name, &zoo::Option::name);
}

void make_plan(SearchTask& task, const zoo::Example& example, const Options& o, const CLI::App& cmd) {
  const auto only = [&](const char* option, const char* method) {
    if (cmd.get_option(option)->count() > 0 && o.method != method)
      throw UsageError(fmt::format("{} is for --method {}, not {}", option, method, o.method));
  };
  only("--eta", "hyperband");
  only("--resource", "hyperband");
  only("--lag", "bayes");
  const Space space(task.dimensions);
  const std::int64_t trials = o.trials == 0 ? kTrials : o.trials;
  auto& note = task.description;
  if (o.method == "grid") {
    task.plan = optim::search::grid_search(space, trials);
    note.emplace_back("--trials", fmt::format("{}", trials));  // they decide where the points are
  } else if (o.method == "random") {
    task.plan = optim::search::random_search(space, trials, task.seed);
  } else if (o.method == "bayes") {
    task.plan = optim::search::bayes_search(space, trials, task.seed, {.lag = o.lag});
    note.emplace_back("--lag", fmt::format("{}", o.lag));
  } else {
    const zoo::Option& shared = resource(example, o, task.dimensions);
    task.resource = shared.name;
    const std::int64_t most = task.values.count(task.resource);
    if (most < o.eta) {
      throw UsageError(
          fmt::format("Hyperband shares out --{}, the {} of a whole training; give at least --eta, {}",
                      task.resource, most, o.eta));
    }
    for (const auto& bracket : optim::search::hyperband_brackets(most, o.eta)) {
      zoo::Values(example.options).set(task.resource, static_cast<double>(bracket[0].resource));
    }
    task.plan = optim::search::hyperband_search(
        space, {.max_resource = most, .eta = o.eta, .trials = o.trials}, task.seed);
    note.emplace_back("--eta", fmt::format("{}", o.eta));
    note.emplace_back("--resource", task.resource);
  }
}

void choose_metric(SearchTask& task, const Options& o, const InterruptGuard& interrupt) {
  const zoo::Example& example = *task.entry->example;
  std::vector<std::string> known;
  for (const zoo::Bound& b : example.bounds) known.emplace_back(b.figure);
  task.metric = o.metric.empty() && !known.empty() ? known[0] : o.metric;
  if (std::ranges::find(known, task.metric) == known.end()) {
    known = names_of_figures(*task.entry, task.data, interrupt);
    if (std::ranges::find(known, task.metric) == known.end())
      throw UsageError(unknown_name("metric", task.metric, known));
  }
  if (o.maximize || o.minimize) {
    task.maximize = o.maximize;
    return;
  }
  const auto says = [&](std::initializer_list<const char*> words) {
    return std::ranges::any_of(words,
                               [&](const char* w) { return task.metric.find(w) != std::string::npos; });
  };
  const bool less = says({"loss", "error", "rmse", "mse", "distance", "difference", "divergence", "bits"});
  const bool more = says({"accuracy", "return", "gain", "right"});
  if (less == more) {
    throw UsageError(
        fmt::format("is more or less of '{}' better? Say --maximize or --minimize", task.metric));
  }
  task.maximize = more;
}

SearchTask make_task(const zoo::Entry& entry, const Options& o, const CLI::App& cmd,
                     const InterruptGuard& interrupt) {
  SearchTask task{.entry = &entry, .values = zoo::Values(entry.example->options)};
  task.data = o.data;
  task.method = o.method;
  task.seed = static_cast<std::uint64_t>(o.seed);
  task.dimensions = dimensions(*entry.example, o);
  for (const Dimension& d : task.dimensions) task.searched.push_back(d.name);
  for (const auto& [name, value] : o.given) {
    task.values.set(name, value);
    task.given.emplace_back(name, text(value));
  }
  auto& note = task.description;
  note = {{"the example", entry.name},
          {"--method", o.method},
          {"--seed", fmt::format("{}", o.seed)},
          {"--data", o.data}};
  for (std::size_t i = 0; i < o.space.size(); ++i) {
    const std::size_t equals = o.space[i].find('=');
    note.emplace_back(fmt::format("--space {}", task.searched[i]), o.space[i].substr(equals + 1));
  }
  for (const zoo::Option& option : entry.example->options) {
    if (std::ranges::find(task.searched, option.name) == task.searched.end())
      note.emplace_back(fmt::format("--{}", option.name), text(task.values.number(option.name)));
  }
  make_plan(task, *entry.example, o, cmd);
  choose_metric(task, o, interrupt);
  note.emplace_back("--metric", task.metric);
  note.emplace_back("what is better", task.maximize ? "more" : "less");
  return task;
}

// One search at a time in a folder. Held until the process ends, however that happens.
class FolderLock {
 public:
  explicit FolderLock(const std::string& folder)
      : fd_(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
    if (fd_ < 0 || flock(fd_, LOCK_EX | LOCK_NB) != 0) {
      if (fd_ >= 0) close(fd_);
      throw UsageError(fmt::format("another search is writing to {}", folder));
    }
  }
  ~FolderLock() { close(fd_); }
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  int fd_;
};

std::string shell_word(const std::string& s) {
  const auto plain = [](unsigned char c) {
    return std::isalnum(c) != 0 ||
           std::string_view("/._-+=:,").find(static_cast<char>(c)) != std::string_view::npos;
  };
  if (std::ranges::all_of(s, plain)) return s;
  std::string out = "'";
  for (const char c : s) out += c == '\'' ? "'\\''" : std::string(1, c);
  return out + "'";
}

// What trains as that trial did, to the same figures.
std::string command(const SearchTask& task, const TrialResult& r) {
  std::string line = fmt::format("gradus train {}", task.entry->name);
  for (std::size_t i = 0; i < task.searched.size(); ++i)
    line += fmt::format(" --{} {}", task.searched[i], text(r.trial.point[i]));
  if (!task.resource.empty()) line += fmt::format(" --{} {}", task.resource, r.trial.resource);
  for (const auto& [name, value] : task.given)
    if (name != task.resource) line += fmt::format(" --{} {}", name, value);
  if (!task.data.empty()) line += " --data " + shell_word(task.data);
  return line + fmt::format(" --seed {}", r.seed);
}

void write_results(const SearchTask& task, std::vector<TrialResult>& results, const std::string& out) {
  std::ranges::sort(results, {}, &TrialResult::number);
  save_text(out + "/trials.csv", to_csv(task, results));
  if (best_trial(task, results) == nullptr) return;
  const std::string no_plot = draw_search(task, results, out + "/trials.svg");
  if (!no_plot.empty()) {
    fmt::print(stderr, "gradus search {}: no trials.svg: {}; its numbers are in {}/trials.csv\n",
               task.entry->name, no_plot, out);
  }
}

void print_trial(const SearchTask& task, const TrialResult& r) {
  fmt::print("trial {}  {}  {}  {:.1f} s\n", r.number, describe(task, r.trial),
             r.failed() ? "failed: " + r.failure : fmt::format("{} {:.4g}", task.metric, r.metric),
             r.seconds);
  std::fflush(stdout);
}

// Errors: UsageError for a folder that does not fit --resume.
void check_folder(const Options& o, const std::string& out) {
  // A file without content: the process was killed before the search began.
  std::error_code none;
  const auto size = std::filesystem::file_size(fmt::format("{}/{}", out, SearchStore::kFile), none);
  const bool there = !none && size > 0;
  if (there && !o.resume) {
    throw UsageError(
        fmt::format("{} holds a search already; go on with it by --resume, or give another --out", out));
  }
  if (!there && o.resume) {
    throw UsageError(
        fmt::format("there is no search in {} to go on with ({} is missing)", out, SearchStore::kFile));
  }
}

void run(const zoo::Entry& entry, const Options& o, const CLI::App& cmd) {
  const InterruptGuard interrupt;
  const std::string out = o.out.empty() ? fmt::format("out/search/{}", entry.name) : o.out;
  set_threads(1);
  check_folder(o, out);
  const SearchTask task = make_task(entry, o, cmd, interrupt);
  check_example(entry, o.data, interrupt);
  constexpr const char* kFiles[] = {"trials.csv", "trials.svg"};
  const ResultFolder folder(out, kFiles);
  const FolderLock lock(out);
  check_folder(o, out);
  SearchStore store(out, task, o.resume);
  std::vector<TrialResult> results = store.load();
  const std::int64_t trials = task.plan->trials();
  fmt::print("{}: {} search of {} trials for the {} {}; results go to {}\n", entry.name, task.method, trials,
             task.maximize ? "highest" : "lowest", task.metric, out);
  if (o.resume) fmt::print("{} trials are there\n", results.size());
  std::fflush(stdout);
  try {
    run_trials(task, results, o.jobs, interrupt, [&](const TrialResult& r) {
      store.add(r);
      print_trial(task, r);
    });
  } catch (const Interrupted&) {
    write_results(task, results, out);
    throw Interrupted(fmt::format("{} of {} trials are in {}; the same command with --resume goes on",
                                  results.size(), trials, out));
  }
  write_results(task, results, out);
  const TrialResult* best = best_trial(task, results);
  if (best == nullptr) {
    fmt::print(stderr, "gradus search {}: all {} trials failed; the first says: {}\n", entry.name,
               results.size(), results[0].failure);
    throw CLI::RuntimeError(1);
  }
  const auto failed = std::ranges::count_if(results, &TrialResult::failed);
  if (failed > 0) fmt::print("{} of {} trials failed\n", failed, results.size());
  fmt::print("best: trial {}: {} {:.6g} with {}\n", best->number, task.metric, best->metric,
             describe(task, best->trial));
  fmt::print("written to {}: trials.csv {} trials.svg\ntrain it again: {}\n", out, SearchStore::kFile,
             command(task, *best));
}

void add_options(CLI::App& cmd, const zoo::Entry& entry, Options& o) {
  cmd.add_option("--space", o.space,
                 "What to search, once for each option: NAME=log:FROM:TO, linear:FROM:TO, int:FROM:TO or "
                 "choice:A,B,C")
      ->allow_extra_args(false)
      ->take_all()
      ->default_str("")
      ->type_name("SPACE");
  cmd.add_option("--method", o.method, "grid, random, hyperband, or bayes: by a model of what was found")
      ->check(one_of("method", {"grid", "random", "hyperband", "bayes"}))
      ->type_name("METHOD");
  cmd.add_option(
         "--trials", o.trials,
         fmt::format("Trainings, at most; by default {}, with Hyperband all its brackets once", kTrials))
      ->check(whole_number(1, 1'000'000))
      ->default_str("")
      ->type_name("N");
  const auto bounds = entry.example->bounds;
  cmd.add_option(
         "--metric", o.metric,
         fmt::format("The figure to make best; by default {}", bounds.empty() ? "none" : bounds[0].figure))
      ->default_str("")
      ->type_name("NAME");
  CLI::Option* more =
      cmd.add_flag("--maximize", o.maximize, "More of it is better; by default as its name says");
  cmd.add_flag("--minimize", o.minimize, "Less of it is better")->excludes(more);
  cmd.add_option("--jobs", o.jobs, "Trials side by side, one thread each; their results do not depend on it")
      ->check(whole_number(1, 1024))
      ->type_name("N");
  cmd.add_option("--seed", o.seed, "Seed of the points and of all trainings")
      ->check(whole_number(0))
      ->type_name("N");
  cmd.add_option("--eta", o.eta, "Hyperband: of so many trials one goes on")
      ->check(whole_number(2, 1000))
      ->type_name("N");
  cmd.add_option("--resource", o.resource,
                 "Hyperband: the option that is the budget of a trial; its own value is the whole budget")
      ->default_str("")
      ->type_name("NAME");
  cmd.add_option(
         "--lag", o.lag,
         "bayes: the latest trials that are not waited for; at most one more than these run side by side")
      ->check(whole_number(0, 1000))
      ->type_name("N");
  cmd.add_option("--out", o.out, fmt::format("Folder for the results; by default out/search/{}", entry.name))
      ->default_str("")
      ->type_name("DIR");
  cmd.add_flag("--resume", o.resume, "Go on with the search in that folder; --trials may have grown");
  if (*entry.example->data != '\0') {
    cmd.add_option("--data", o.data,
                   fmt::format("Its data, by default where the package {} puts it", entry.example->data))
        ->default_str("")
        ->type_name("PATH");
  }
}

}  // namespace

void add_search(CLI::App& app) {
  CLI::App* search =
      app.add_subcommand("search", "Search for the best options of an example of the model zoo");
  search->require_subcommand(1);
  for (const zoo::Entry& entry : zoo::examples()) {
    CLI::App* cmd = search->add_subcommand(entry.name, entry.example->title);
    auto o = std::make_shared<Options>();
    add_options(*cmd, entry, *o);
    add_zoo_options(*cmd, entry.example->options,
                    [o](const std::string& name, double value) { o->given[name] = value; });
    cmd->callback([&entry, o, cmd] { run(entry, *o, *cmd); });
  }
}

}  // namespace gradus::tools
