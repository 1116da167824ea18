// gradus graph MODEL: draws the graph that one step of a built-in model records.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <memory>

#include "gradus/graph/dot.h"
#include "gradus/graph/snapshot.h"
#include "gradus/graph/write_graph.h"
#include "gradus/tools/command.h"
#include "gradus/tools/models.h"
#include "gradus/tools/validators.h"

namespace gradus::tools {
namespace {

struct Options {
  std::string model;
  std::string format;
  std::string out;
  std::int64_t batch = 32;
};

const std::vector<std::string> kFormats = {"dot", "svg", "png"};

// What --format says, else what --out ends in, else dot. Errors: UsageError.
std::string format_of(const Options& o) {
  const std::string extension = std::filesystem::path(o.out).extension().string();
  if (!o.format.empty()) {
    if (!o.out.empty() && extension != "." + o.format) {
      throw UsageError(fmt::format("--out {} does not end in .{}, the format asked for", o.out, o.format));
    }
    return o.format;
  }
  if (o.out.empty()) return "dot";
  std::string format = extension.empty() ? "" : extension.substr(1);
  if (std::find(kFormats.begin(), kFormats.end(), format) == kFormats.end()) {
    throw UsageError(fmt::format("--out {}: {}", o.out, unknown_name("format", format, kFormats)));
  }
  return format;
}

void run(const Options& o) {
  const std::string format = format_of(o);
  manual_seed(0);
  const Tensor loss = example_loss(o.model, o.batch);
  if (o.out.empty() && format == "dot") {
    fmt::print("{}", to_dot(snapshot(loss), {.title = o.model}));
    return;
  }
  const std::string path = o.out.empty() ? o.model + "." + format : o.out;
  write_graph(loss, path, {.title = o.model}, Location{});
  fmt::print("{}\n", path);
}

}  // namespace

void add_graph(CLI::App& app) {
  CLI::App* cmd = app.add_subcommand("graph", "Draw the graph of a built-in model");
  auto o = std::make_shared<Options>();
  cmd->add_option("model", o->model, fmt::format("{}", fmt::join(model_names(), ", ")))
      ->required()
      ->check(one_of("model", model_names()))
      ->type_name("");
  cmd->add_option("--format", o->format, "dot, svg or png; by default what --out ends in, else dot")
      ->check(one_of("format", kFormats))
      ->default_str("")
      ->type_name("NAME");
  cmd->add_option("--out", o->out, "The file; by default dot goes to the terminal, a picture to MODEL.FORMAT")
      ->default_str("")
      ->type_name("FILE");
  cmd->add_option("--batch-size", o->batch, "Rows of the made-up batch")
      ->check(whole_number(1, 100'000))
      ->type_name("N");
  cmd->callback([o] { run(*o); });
}

}  // namespace gradus::tools
