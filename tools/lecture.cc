// gradus lecture: runs the lessons of docs/examples/lecture. Each leaves in its folder the tables as CSV, the
// pictures as SVG and PNG, and checks.csv; `all` adds a page of all of them. Files are written as a lesson
// ends.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <memory>
#include <optional>

#include "gradus/base/parallel.h"
#include "gradus/docs/examples/lecture/lesson.h"
#include "gradus/tools/command.h"
#include "gradus/tools/csv.h"
#include "gradus/tools/interrupt.h"
#include "gradus/tools/lecture_page.h"
#include "gradus/tools/lecture_picture.h"
#include "gradus/tools/progress.h"
#include "gradus/tools/result_folder.h"
#include "gradus/tools/validators.h"
#include "gradus/tools/zoo_options.h"

namespace gradus::tools {
namespace {

using lecture::Entry;

struct Options {
  std::string data;
  std::string out;
  std::int64_t seed = 0;
  bool quick = false;
};

class TerminalLab : public lecture::Lab {
 public:
  TerminalLab(zoo::Values values, const std::string& data, const InterruptGuard& interrupt)
      : Lab(std::move(values), data), interrupt_(interrupt) {}

  void table(lecture::Table table) override { tables_.push_back(std::move(table)); }
  void picture(lecture::Picture picture) override { pictures_.push_back(std::move(picture)); }

  void check(std::string_view claim, double measured, double predicted, double tolerance) override {
    add({std::string(claim), fmt::format("measured {:.6g}, predicted {:.6g}", measured, predicted),
         std::abs(measured - predicted) <= tolerance});
  }
  void check_within(std::string_view claim, double measured, double least, double most) override {
    add({std::string(claim), fmt::format("measured {:.6g}, expected {:.6g} to {:.6g}", measured, least, most),
         measured >= least && measured <= most});
  }
  void progress(std::int64_t step, std::int64_t total) override {
    interrupt_.check();
    if (!progress_.has_value()) progress_.emplace(std::string(), total);
    progress_->step(step);
  }

  // Writes all; returns what goes to the page.
  LessonResult write(const Entry& entry, const std::string& folder) {
    progress_.reset();
    LessonResult result{.name = entry.name,
                        .title = entry.lesson->title,
                        .claim = entry.lesson->claim,
                        .checks = checks_,
                        .pictures = {}};
    std::string checks = "claim,numbers,holds\n";
    for (const CheckResult& c : checks_)
      checks += fmt::format("{},{},{}\n", csv_field(c.claim), csv_field(c.numbers), c.holds ? "yes" : "no");
    save_text(folder + "/checks.csv", checks);
    for (const lecture::Table& t : tables_) save_text(fmt::format("{}/{}.csv", folder, t.name), csv(t));
    for (const lecture::Picture& p : pictures_) {
      const std::string no_plot = draw_picture(p, tables_, folder);
      if (no_plot.empty()) {
        result.pictures.push_back({p.name, p.caption, p.frames > 1, p.width, p.height + kSliderHeight});
      } else {
        fmt::print(stderr, "gradus lecture {}: no {}.svg: {}; its numbers are in {}\n", entry.name, p.name,
                   no_plot, folder);
      }
    }
    return result;
  }

 private:
  void add(CheckResult c) {
    progress_.reset();
    fmt::print("{} {}: {}\n", c.holds ? "holds" : "FAILS", c.claim, c.numbers);
    std::fflush(stdout);
    checks_.push_back(std::move(c));
  }
  static std::string csv(const lecture::Table& t) {
    std::string text;
    for (const std::string& c : t.columns) text += fmt::format("{}{}", text.empty() ? "" : ",", csv_field(c));
    text += "\n";
    for (const auto& row : t.rows) text += fmt::format("{:.10g}\n", fmt::join(row, ","));
    return text;
  }

  const InterruptGuard& interrupt_;
  std::optional<Progress> progress_;
  std::vector<lecture::Table> tables_;
  std::vector<lecture::Picture> pictures_;
  std::vector<CheckResult> checks_;
};

LessonResult run_lesson(const Entry& entry, const zoo::Values& values, const Options& o,
                        const std::string& out, const InterruptGuard& interrupt) {
  constexpr const char* kAlways[] = {"checks.csv"};
  const ResultFolder folder(out, kAlways);
  set_threads(1);
  manual_seed(static_cast<std::uint64_t>(o.seed));
  fmt::print("{}: {}\n", entry.lesson->title, entry.lesson->claim);
  std::fflush(stdout);
  const auto start = std::chrono::steady_clock::now();
  TerminalLab lab(values, o.data, interrupt);
  entry.lesson->run(lab);
  LessonResult result = lab.write(entry, out);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  fmt::print("{:.1f} s; written to {}\n", seconds, out);
  return result;
}

zoo::Values quick_values(const lecture::Lesson& lesson, bool quick) {
  return quick ? zoo::Values(lesson.options, lesson.quick) : zoo::Values(lesson.options);
}

void fail_if_any(const std::vector<LessonResult>& results) {
  for (const LessonResult& r : results) {
    if (!r.holds()) throw CLI::RuntimeError(1);
  }
}

void add_lesson(CLI::App& lecture, const Entry& entry) {
  CLI::App* cmd =
      lecture.add_subcommand(entry.name, fmt::format("{}: {}", entry.lesson->title, entry.lesson->claim));
  auto o = std::make_shared<Options>();
  auto given = std::make_shared<std::vector<std::pair<std::string, double>>>();
  add_zoo_options(*cmd, entry.lesson->options,
                  [given](const std::string& name, double value) { given->emplace_back(name, value); });
  if (*entry.lesson->data != '\0') {
    cmd->add_option(
           "--data", o->data,
           fmt::format("Folder of its data, by default where the package {} puts it", entry.lesson->data))
        ->default_str("")
        ->type_name("DIR");
  }
  cmd->add_option("--seed", o->seed, "Seed of all random numbers")->check(whole_number(0))->type_name("N");
  cmd->add_flag("--quick", o->quick,
                "A smaller experiment of some seconds; options that are given stay as they are");
  cmd->add_option("--out", o->out,
                  fmt::format("Folder for the results; by default out/lecture/{}", entry.name))
      ->default_str("")
      ->type_name("DIR");
  cmd->callback([&entry, o, given] {
    zoo::Values values = quick_values(*entry.lesson, o->quick);
    for (const auto& [name, value] : *given) values.set(name, value);
    const std::string out = o->out.empty() ? fmt::format("out/lecture/{}", entry.name) : o->out;
    const InterruptGuard interrupt;
    fail_if_any({run_lesson(entry, values, *o, out, interrupt)});
  });
}

void add_all(CLI::App& lecture) {
  CLI::App* cmd = lecture.add_subcommand("all", "Run all lessons and write one page of them");
  auto o = std::make_shared<Options>();
  o->out = "out/lecture";
  cmd->add_option("--seed", o->seed, "Seed of all random numbers")->check(whole_number(0))->type_name("N");
  cmd->add_flag("--quick", o->quick, "Smaller experiments of some seconds each");
  cmd->add_option("--out", o->out, "Folder for the results, with a folder for each lesson and index.html")
      ->type_name("DIR");
  cmd->callback([o] {
    const InterruptGuard interrupt;
    std::vector<LessonResult> results;
    for (const Entry& entry : lecture::lessons()) {
      try {
        results.push_back(run_lesson(entry, quick_values(*entry.lesson, o->quick), *o,
                                     fmt::format("{}/{}", o->out, entry.name), interrupt));
      } catch (const Interrupted&) {
        throw Interrupted(fmt::format("{} of {} lessons are in {}; gradus lecture {} goes on with the next",
                                      results.size(), lecture::lessons().size(), o->out, entry.name));
      }
      fmt::print("\n");
    }
    save_text(o->out + "/index.html", lecture_page(results));
    fmt::print("all lessons are on {}/index.html\n", o->out);
    fail_if_any(results);
  });
}

}  // namespace

void add_lecture(CLI::App& app) {
  CLI::App* cmd = app.add_subcommand("lecture", "Experiments that show how deep learning is optimized");
  cmd->require_subcommand(1);
  CLI::App* list = cmd->add_subcommand("list", "Name the lessons");
  list->callback([] {
    for (const Entry& entry : lecture::lessons()) fmt::print("{:<16} {}\n", entry.name, entry.lesson->claim);
  });
  add_all(*cmd);
  for (const Entry& entry : lecture::lessons()) add_lesson(*cmd, entry);
}

}  // namespace gradus::tools
