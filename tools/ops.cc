// gradus ops [NAME]: the list of all ops, or what one op's definition says of itself; --json: all of that for
// programs (docs/ops.md is made from it by tools/ops_page.py).
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>

#include "gradus/graph/samples.h"
#include "gradus/ops/all_ops.h"
#include "gradus/ops/print.h"
#include "gradus/tools/command.h"
#include "gradus/tools/find_op.h"
#include "gradus/tools/op_text.h"

namespace gradus::tools {
namespace {

void list_ops() {
  // Few signatures are longer; their documentation starts on a line of its own.
  constexpr std::size_t kWidth = 34;
  for (const OpDef* op : all_ops()) {
    const std::string s = signature(*op);
    if (s.size() <= kWidth) {
      fmt::print("{:<{}}  {}\n", s, kWidth, op->doc);
    } else {
      fmt::print("{}\n{:{}}  {}\n", s, "", kWidth, op->doc);
    }
  }
  fmt::print("{} ops; `gradus ops NAME` tells more of one\n", all_ops().size());
}

void print_line(std::string_view title, std::string_view text) { fmt::print("  {:<11} {}\n", title, text); }

// One that can be read at a glance.
const Sample* choose_example(const SampleSink& samples) {
  constexpr std::int64_t kFew = 12;
  for (const Sample& s : samples.good) {
    const auto is_small = [](const Tensor& t) { return t.numel() >= 1 && t.numel() <= kFew; };
    if (!s.inputs.empty() && std::all_of(s.inputs.begin(), s.inputs.end(), is_small)) return &s;
  }
  return nullptr;
}

void print_tensor(std::string_view title, const Tensor& t) {
  std::string text = to_string(t);
  for (std::size_t at = text.find('\n'); at != std::string::npos; at = text.find('\n', at + 1)) {
    text.insert(at + 1, 14, ' ');
  }
  print_line(title, text);
}

void print_example(const OpDef& op, const Sample& sample) {
  const std::vector<Tensor> outs = run(op, sample.inputs, sample.attr_bytes());
  const std::string attrs = op.attrs.empty() ? "" : format_attrs(op.attrs, sample.attr_bytes());
  fmt::print("\nfor example{}{}\n", attrs.empty() ? "" : ", with ", attrs);
  for (std::size_t i = 0; i < sample.inputs.size(); ++i) {
    print_tensor(op.inputs[std::min(i, op.inputs.size() - 1)], sample.inputs[i]);
  }
  for (std::size_t i = 0; i < outs.size(); ++i) {
    print_tensor(outs.size() == 1 ? "result" : fmt::format("result {}", i), outs[i]);
  }
}

void describe_op(const OpDef& op) {
  fmt::print("{}: {}\n\n", signature(op), op.doc);
  if (op.formula != nullptr) print_line("formula", op.formula);
  for (const AttrDef& a : op.attrs) {
    print_line("attribute",
               fmt::format("{} {}{}", type_name(a.type), a.name,
                           a.default_text != nullptr ? fmt::format(" = {}", a.default_text) : ", required"));
  }
  if (op.outputs > 1) print_line("results", fmt::format("{}", op.outputs));
  if (const auto kinds = flag_names(op.flags); !kinds.empty()) {
    print_line("kind", fmt::format("{}", fmt::join(kinds, ", ")));
  }
  if (op.rule == nullptr) {
    print_line("derivative",
               fmt::format("none: {}", op.no_gradient != nullptr ? op.no_gradient : "not given"));
  } else {
    print_line("derivative", "of any order");
    for (std::size_t i = 0; i < op.inputs.size() && !op.saves.empty(); ++i) {
      print_line("", fmt::format("keeps {} for the gradient of {}",
                                 saved_names(op, op.saves[std::min(i, op.saves.size() - 1)]), op.inputs[i]));
    }
  }
  if (op.onnx != nullptr) print_line("ONNX", op.onnx);
  SampleSink samples;
  op.samples(samples);
  for (const ErrorSample& s : samples.bad) print_line(&s == &samples.bad[0] ? "refuses" : "", s.message);
  if (const Sample* example = choose_example(samples); example != nullptr) print_example(op, *example);
}

}  // namespace

const OpDef& find_op(const std::string& name) {
  std::vector<std::string> known;
  for (const OpDef* op : all_ops()) {
    if (name == op->name) return *op;
    known.emplace_back(op->name);
  }
  throw UsageError(unknown_name("op", name, known, "`gradus ops` lists them"));
}

void add_ops(CLI::App& app) {
  CLI::App* cmd = app.add_subcommand("ops", "List every op, or tell one op's documentation");
  auto name = std::make_shared<std::string>();
  cmd->add_option("name", *name, "The op to tell about");
  auto json = std::make_shared<bool>(false);
  cmd->add_flag("--json", *json, "Print all that the definitions say as JSON: of every op, or of NAME");
  cmd->callback([name, json] {
    if (name->empty()) return *json ? print_ops_json(all_ops()) : list_ops();
    const OpDef* op = &find_op(*name);
    if (*json) return print_ops_json({&op, 1});
    describe_op(*op);
  });
}

}  // namespace gradus::tools
