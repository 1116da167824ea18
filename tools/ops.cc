// gradus ops [NAME]: the list of all ops, or what one op's definition says of itself.
#include <fmt/format.h>

#include <memory>

#include "gradus/graph/samples.h"
#include "gradus/ops/all_ops.h"
#include "gradus/tools/command.h"

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

void list_ops() {
  std::size_t width = 0;
  for (const OpDef* op : all_ops()) width = std::max(width, std::string_view(op->name).size());
  for (const OpDef* op : all_ops()) fmt::print("{:<{}}  {}\n", op->name, width, op->doc);
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

void describe_op(const OpDef& op) {
  fmt::print("{}: {}\n", op.name, op.doc);
  if (op.formula != nullptr) fmt::print("  formula     {}\n", op.formula);
  fmt::print("  inputs      {}{}\n", fmt::join(op.inputs, ", "), op.variadic ? " ..." : "");
  if (op.outputs > 1) fmt::print("  outputs     {}\n", op.outputs);
  for (const AttrDef& a : op.attrs) {
    fmt::print("  attribute   {} {}{}\n", type_name(a.type), a.name,
               a.default_text != nullptr ? fmt::format(" = {}", a.default_text) : "");
  }
  if (op.flags != 0) fmt::print("  kind        {}\n", flag_names(op.flags));
  if (op.rule == nullptr) {
    fmt::print("  derivative  none: {}\n", op.no_gradient != nullptr ? op.no_gradient : "not given");
  } else {
    fmt::print("  derivative  of any order\n");
    for (std::size_t i = 0; i < op.saves.size(); ++i) {
      fmt::print("  saves       {} for the gradient of {}\n", saved_names(op, op.saves[i]),
                 op.inputs[std::min(i, op.inputs.size() - 1)]);
    }
  }
  if (op.onnx != nullptr) fmt::print("  ONNX        {}\n", op.onnx);
  SampleSink samples;
  op.samples(samples);
  if (!samples.bad.empty()) fmt::print("  refuses     {}\n", samples.bad[0].message);
}

}  // namespace

void add_ops(CLI::App& app) {
  CLI::App* cmd = app.add_subcommand("ops", "List every op, or tell one op's documentation");
  auto name = std::make_shared<std::string>();
  cmd->add_option("name", *name, "The op to tell about");
  cmd->callback([name] {
    if (name->empty()) return list_ops();
    std::vector<std::string> known;
    for (const OpDef* op : all_ops()) {
      if (*name == op->name) return describe_op(*op);
      known.emplace_back(op->name);
    }
    throw UsageError(unknown_name("op", *name, known));
  });
}

}  // namespace gradus::tools
