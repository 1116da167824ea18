// gradus onnx run|info|suite: models from other frameworks: what they compute, what they hold, and how many
// of ONNX's test cases come out right. export is in onnx_export.cc.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <memory>

#include "gradus/base/format.h"
#include "gradus/graph/recording.h"
#include "gradus/tools/command.h"
#include "gradus/tools/onnx_case.h"
#include "gradus/tools/onnx_export.h"
#include "gradus/tools/validators.h"

namespace gradus::tools {
namespace {

constexpr int kDiffers = 1;

onnx::Model load(const std::string& path) {
  absl::StatusOr<onnx::Model> model = onnx::load_model(path);
  if (!model.ok()) throw UsageError(std::string(model.status().message()));
  return *std::move(model);
}

std::vector<Tensor> load_all(const std::string& folder, const std::string& stem) {
  if (!std::filesystem::is_directory(folder)) throw UsageError(fmt::format("{} is no folder", folder));
  absl::StatusOr<std::vector<Tensor>> all = load_tensors(folder, stem);
  if (!all.ok()) throw UsageError(std::string(all.status().message()));
  return *std::move(all);
}

struct RunOptions {
  std::string model;
  std::string inputs;
  std::string check;
  Tolerance tolerance;
};

void run_model(const RunOptions& o) {
  const onnx::Model model = load(o.model);
  std::vector<Tensor> inputs;
  if (!o.inputs.empty()) inputs = load_all(o.inputs, "input");
  if (inputs.size() != model.inputs().size()) {
    throw UsageError(
        o.inputs.empty()
            ? fmt::format("the model has {} inputs; --inputs names the folder of input_0.pb, ...",
                          model.inputs().size())
            : fmt::format("{} holds {} files input_0.pb, ..., the model has {} inputs", o.inputs,
                          inputs.size(), model.inputs().size()));
  }
  for (std::size_t i = 0; i < inputs.size(); ++i) inputs[i] = with_type(inputs[i], model.inputs()[i].type);
  std::vector<Tensor> expected;
  if (!o.check.empty()) {
    expected = load_all(o.check, "output");
    if (expected.size() != model.outputs().size()) {
      throw UsageError(fmt::format("{} holds {} files output_0.pb, ..., the model has {} outputs", o.check,
                                   expected.size(), model.outputs().size()));
    }
  }
  for (std::size_t i = 0; i < expected.size(); ++i)
    expected[i] = with_type(expected[i], model.outputs()[i].type);
  const NoGrad no_grad;
  const absl::StatusOr<std::vector<Tensor>> outputs = model.run(inputs);
  if (!outputs.ok()) throw UsageError(std::string(outputs.status().message()));
  bool same = true;
  for (std::size_t i = 0; i < outputs->size(); ++i) {
    const Tensor& t = (*outputs)[i];
    std::string verdict;
    if (!expected.empty()) {
      const Comparison c = compare(t, expected[i], o.tolerance);
      same &= c.same;
      verdict = c.same ? fmt::format("  as expected, largest difference {:.3g}", c.largest)
                       : fmt::format("  WRONG: {}; largest difference {:.3g}", c.difference, c.largest);
    }
    fmt::print("{} {} {}{}\n", model.outputs()[i].name, format_shape(t.shape()), name(t.dtype()), verdict);
  }
  if (!same) throw CLI::RuntimeError(kDiffers);
}

void print_ports(std::string_view title, const std::vector<onnx::Port>& ports) {
  for (const onnx::Port& p : ports) {
    const std::string shape = p.has_shape ? fmt::format(" [{}]", fmt::join(p.dims, ", ")) : "";
    fmt::print("{:<10} {}{} {}\n", title, p.name, shape, p.type);
  }
}

void describe_model(const std::string& path) {
  const onnx::Model model = load(path);
  fmt::print("{}: IR version {}, operator set {}{}\n", path, model.ir_version(), model.opset(),
             model.producer().empty() ? "" : ", by " + model.producer());
  print_ports("input", model.inputs());
  print_ports("output", model.outputs());
  std::int64_t elements = 0;
  const NamedTensors parameters = model.parameters();
  for (const NamedTensor& p : parameters) elements += p.tensor.numel();
  fmt::print("{:<10} {} in {} tensors; {} named constants in all\n", "parameters", elements,
             parameters.size(), model.initializers().size());
  for (const onnx::OperatorCount& o : model.operators()) {
    fmt::print("{:<10} {:>5} {}{}\n", "operator", o.count, o.name, o.supported ? "" : "  unsupported");
  }
  if (const absl::Status s = model.supported(); !s.ok()) fmt::print("{}\n", std::string(s.message()));
}

using Counts = std::array<int, 4>;  // by CaseOutcome

void print_table(const std::map<std::string, Counts>& by_operator) {
  fmt::print("{:<34} {:>7} {:>7} {:>7} {:>12}\n", "operator", "passed", "random", "failed", "unsupported");
  for (const auto& [op, n] : by_operator) {
    fmt::print("{:<34} {:>7} {:>7} {:>7} {:>12}\n", op, n[0], n[1], n[2], n[3]);
  }
}

struct SuiteOptions {
  std::string folder;
  std::string list;
  Tolerance tolerance;
};

void run_suite(const SuiteOptions& o) {
  const std::vector<std::string> cases = find_cases(o.folder);
  if (cases.empty()) {
    throw UsageError(
        fmt::format("{} holds no folder with a model.onnx; the package libonnx-testdata has them below "
                    "/usr/share/libonnx-testdata/data",
                    o.folder));
  }
  const NoGrad no_grad;
  Counts total{};
  std::map<std::string, Counts> by_operator;
  for (const std::string& folder : cases) {
    const CaseResult r = run_case(folder, o.tolerance);
    const auto outcome = static_cast<std::size_t>(r.outcome);
    ++total[outcome];
    for (const std::string& op : r.operators) ++by_operator[op][outcome];
    if (o.list == outcome_name(r.outcome)) {
      fmt::print("{}{}{}\n", r.name, r.why.empty() ? "" : ": ", r.why);
    }
  }
  if (o.list.empty()) print_table(by_operator);
  fmt::print("{} cases: {} passed, {} of random numbers with the right shapes, {} failed, {} unsupported\n",
             cases.size(), total[0], total[1], total[2], total[3]);
  if (total[static_cast<std::size_t>(CaseOutcome::failed)] > 0) throw CLI::RuntimeError(kDiffers);
}

void add_tolerance(CLI::App* cmd, Tolerance& t) {
  cmd->add_option("--rtol", t.rtol, "Relative difference that is allowed")
      ->check(number(0, Least::included, HUGE_VAL));
  cmd->add_option("--atol", t.atol, "Absolute difference that is allowed")
      ->check(number(0, Least::included, HUGE_VAL));
}

}  // namespace

void add_onnx(CLI::App& app) {
  CLI::App* cmd = app.add_subcommand("onnx", "Run, describe and write models in the ONNX format");
  cmd->require_subcommand(1);

  CLI::App* run = cmd->add_subcommand("run", "Run a model on tensors from files");
  auto run_options = std::make_shared<RunOptions>();
  run->add_option("model", run_options->model, "The model's file")->required();
  run->add_option("--inputs", run_options->inputs, "Folder of input_0.pb, input_1.pb, ...");
  run->add_option("--check", run_options->check, "Folder of output_0.pb, ... to compare with");
  add_tolerance(run, run_options->tolerance);
  run->callback([run_options] { run_model(*run_options); });

  CLI::App* info = cmd->add_subcommand("info", "Tell a model's inputs, outputs, parameters and operators");
  auto path = std::make_shared<std::string>();
  info->add_option("model", *path, "The model's file")->required();
  info->callback([path] { describe_model(*path); });

  add_onnx_export(*cmd);

  CLI::App* suite = cmd->add_subcommand("suite", "Run ONNX's test cases and count what comes out right");
  auto suite_options = std::make_shared<SuiteOptions>();
  suite
      ->add_option("folder", suite_options->folder,
                   "Folder of the cases, each with a model.onnx and its data")
      ->required();
  suite->add_option("--list", suite_options->list, "List these cases in place of the table")
      ->check(one_of("outcome", {"passed", "random", "failed", "unsupported"}));
  add_tolerance(suite, suite_options->tolerance);
  suite->callback([suite_options] { run_suite(*suite_options); });
}

}  // namespace gradus::tools
