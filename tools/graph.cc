// gradus graph MODEL: draws the graph that one step of a built-in model records.
#include <fmt/format.h>

#include <filesystem>
#include <memory>

#include "gradus/graph/dot.h"
#include "gradus/graph/snapshot.h"
#include "gradus/graph/write_graph.h"
#include "gradus/tools/command.h"
#include "gradus/tools/models.h"

namespace gradus::tools {
namespace {

struct Options {
  std::string model;
  std::string format;
  std::string out;
  std::int64_t batch = 32;
};

void run(Options o) {
  if (o.format.empty()) {
    const std::string extension = std::filesystem::path(o.out).extension().string();
    o.format = extension.empty() ? "dot" : extension.substr(1);
  }
  if (o.format != "dot" && o.format != "svg" && o.format != "png") {
    throw UsageError(unknown_name("format", o.format, {"dot", "svg", "png"}));
  }
  manual_seed(0);
  const Tensor loss = example_loss(o.model, o.batch);
  if (o.out.empty() && o.format == "dot") {
    fmt::print("{}", to_dot(snapshot(loss)));
    return;
  }
  if (o.out.empty()) o.out = o.model + "." + o.format;
  if (std::filesystem::path(o.out).extension() != "." + o.format) {
    throw UsageError(fmt::format("--out {} does not end in .{}, the format asked for", o.out, o.format));
  }
  write_graph(loss, o.out);
  fmt::print("{}\n", o.out);
}

}  // namespace

void add_graph(CLI::App& app) {
  CLI::App* cmd = app.add_subcommand("graph", "Draw the graph of a built-in model");
  auto o = std::make_shared<Options>();
  cmd->add_option("model", o->model, fmt::format("One of {}", fmt::join(model_names(), ", ")))->required();
  cmd->add_option("--format", o->format, "dot, svg or png; by default what --out ends in, else dot")
      ->default_str("");
  cmd->add_option("--out", o->out, "The file; by default dot goes to the terminal, a picture to MODEL.FORMAT")
      ->default_str("");
  cmd->add_option("--batch-size", o->batch, "Rows of the made-up batch")->check(CLI::PositiveNumber);
  cmd->callback([o] { run(*o); });
}

}  // namespace gradus::tools
