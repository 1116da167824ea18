// gradus ops [NAME]: the list of all ops, or what one op's definition says of itself.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>

#include "gradus/graph/apply.h"
#include "gradus/graph/recording.h"
#include "gradus/graph/samples.h"
#include "gradus/ops/all_ops.h"
#include "gradus/ops/print.h"
#include "gradus/tools/command.h"
#include "gradus/tools/find_op.h"

namespace gradus::tools {
namespace {

const char* type_name(AttrType t) {
  switch (t) {
    case AttrType::i64:
      return "int64";
    case AttrType::f64:
      return "double";
    case AttrType::boolean:
      return "bool";
    case AttrType::dtype:
      return "DType";
    case AttrType::shape:
      return "Shape";
    case AttrType::dims:
      return "Dims";
    case AttrType::cstring:
      return "string";
  }
  return "";
}

// "softmax(input, dim)"
std::string signature(const OpDef& op) {
  std::vector<std::string> words;
  for (std::size_t i = 0; i < op.inputs.size(); ++i) {
    const bool repeats = op.variadic && i + 1 == op.inputs.size();
    words.push_back(fmt::format("{}{}", op.inputs[i], repeats ? "..." : ""));
  }
  for (const AttrDef& a : op.attrs) words.emplace_back(a.name);
  return fmt::format("{}({})", op.name, fmt::join(words, ", "));
}

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

std::string flag_names(std::uint32_t flags) {
  std::vector<std::string> names;
  if (flags & kElementwise) names.push_back("elementwise");
  if (flags & kView) names.push_back("view (shares the storage of its input)");
  if (flags & kRandom) names.push_back("random (seed and counter are attributes)");
  if (flags & kDataDependent) names.push_back("its output's shape depends on values");
  if (flags & kReduction) names.push_back("reduction");
  return fmt::format("{}", fmt::join(names, ", "));
}

std::string saved_names(const OpDef& op, SaveMask mask) {
  std::vector<std::string> names;
  for (int k = 0; k < 32; ++k) {
    if ((mask >> k & 1) == 0) continue;
    if (k >= 16) {
      names.push_back(op.outputs == 1 ? "the output" : fmt::format("output {}", k - 16));
    } else {
      names.push_back(op.inputs[std::min<std::size_t>(static_cast<std::size_t>(k), op.inputs.size() - 1)]);
    }
  }
  return names.empty() ? "nothing" : fmt::format("{}", fmt::join(names, ", "));
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
  const NoGrad no_grad;
  std::vector<Operand> operands;
  for (const Tensor& t : sample.inputs) operands.emplace_back(t, Location{});
  std::vector<Tensor> outs(static_cast<std::size_t>(op.outputs));
  apply(op, operands, sample.attr_bytes(), outs);

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
  if (const std::string flags = flag_names(op.flags); !flags.empty()) print_line("kind", flags);
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
  cmd->callback([name] {
    if (name->empty()) return list_ops();
    describe_op(find_op(*name));
  });
}

}  // namespace gradus::tools
