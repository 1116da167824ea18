#include "gradus/tools/op_text.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "gradus/base/error.h"
#include "gradus/graph/apply.h"
#include "gradus/graph/recording.h"
#include "gradus/graph/samples.h"
#include "gradus/ops/elementwise.h"

namespace gradus::tools {
namespace {

// The dtype that stands for the op's numbers: the floating one of a sample where it has one.
DType main_dtype(const Sample& sample) {
  for (const Tensor& t : sample.inputs) {
    if (is_floating(t.dtype())) return t.dtype();
  }
  return sample.inputs.front().dtype();
}

std::string shapes(std::span<const Tensor> tensors) {
  std::vector<std::string> words;
  words.reserve(tensors.size());
  for (const Tensor& t : tensors) words.push_back(fmt::format("[{}]", fmt::join(t.shape(), ", ")));
  return fmt::format("{}", fmt::join(words, ", "));
}

// Whether input i is one of numbers that a gradient can flow to, and not of places or of truth values.
bool is_number(const Sample& sample, std::size_t i) {
  return i < sample.inputs.size() && is_floating(sample.inputs[i].dtype());
}

// The dtypes that the op takes for its numbers: each is tried on a sample of the op.
std::vector<std::string> accepted_dtypes(const OpDef& op, const SampleSink& sink) {
  const auto has_inputs = [](const Sample& s) { return !s.inputs.empty() && s.inputs.front().numel() > 0; };
  const auto sample = std::find_if(sink.good.begin(), sink.good.end(), has_inputs);
  std::vector<std::string> names;
  if (sample == sink.good.end()) return names;
  const DType from = main_dtype(*sample);
  for (int d = 0; d < kDTypeCount; ++d) {
    const DType to = static_cast<DType>(d);
    std::vector<Tensor> inputs = sample->inputs;
    try {
      for (Tensor& t : inputs) {
        if (t.dtype() == from) t = astype(t, to);
      }
      run(op, inputs, sample->attr_bytes());
      names.emplace_back(name(to));
    } catch (const Error&) {
    }
  }
  return names;
}

// Shapes of inputs and outputs as the samples have them: "[3, 1], [1, 4] -> [3, 4]".
std::vector<std::string> sample_shapes(const OpDef& op, const SampleSink& sink) {
  constexpr std::size_t kMost = 3;
  std::vector<std::string> lines;
  for (const Sample& s : sink.good) {
    std::string line = fmt::format("{} -> {}", shapes(s.inputs), shapes(run(op, s.inputs, s.attr_bytes())));
    if (!op.attrs.empty() && (op.flags & kRandom) == 0)
      line += "  (" + format_attrs(op.attrs, s.attr_bytes()) + ")";
    if (std::find(lines.begin(), lines.end(), line) == lines.end()) lines.push_back(std::move(line));
    if (lines.size() == kMost) break;
  }
  return lines;
}

}  // namespace

std::vector<Tensor> run(const OpDef& op, std::span<const Tensor> inputs, const void* attrs) {
  const NoGrad no_grad;
  std::vector<Operand> operands;
  for (const Tensor& t : inputs) operands.emplace_back(t, Location{});
  std::vector<Tensor> outs(static_cast<std::size_t>(op.outputs));
  apply(op, operands, attrs, outs);
  return outs;
}

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

std::string signature(const OpDef& op) {
  std::vector<std::string> words;
  for (std::size_t i = 0; i < op.inputs.size(); ++i) {
    const bool repeats = op.variadic && i + 1 == op.inputs.size();
    words.push_back(fmt::format("{}{}", op.inputs[i], repeats ? "..." : ""));
  }
  for (const AttrDef& a : op.attrs) words.emplace_back(a.name);
  return fmt::format("{}({})", op.name, fmt::join(words, ", "));
}

std::vector<std::string> flag_names(std::uint32_t flags) {
  std::vector<std::string> names;
  if (flags & kElementwise) names.push_back("elementwise");
  if (flags & kView) names.push_back("view (shares the storage of its input)");
  if (flags & kRandom) names.push_back("random (seed and counter are attributes)");
  if (flags & kDataDependent) names.push_back("its output's shape depends on values");
  if (flags & kReduction) names.push_back("reduction");
  return names;
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

void print_ops_json(std::span<const OpDef* const> ops) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const OpDef* op : ops) {
    SampleSink sink;
    op->samples(sink);
    nlohmann::ordered_json o;
    o["name"] = op->name;
    o["signature"] = signature(*op);
    o["doc"] = op->doc;
    if (op->formula != nullptr) o["formula"] = op->formula;
    o["outputs"] = op->outputs;
    o["attributes"] = nlohmann::ordered_json::array();
    for (const AttrDef& a : op->attrs) {
      nlohmann::ordered_json row{{"name", a.name}, {"type", type_name(a.type)}};
      if (a.default_text != nullptr) row["default"] = a.default_text;
      o["attributes"].push_back(std::move(row));
    }
    o["kinds"] = flag_names(op->flags);
    o["dtypes"] = accepted_dtypes(*op, sink);
    o["shapes"] = sample_shapes(*op, sink);
    if (op->rule == nullptr) {
      o["no_gradient"] = op->no_gradient != nullptr ? op->no_gradient : "not given";
    } else {
      nlohmann::ordered_json keeps = nlohmann::ordered_json::object();
      for (std::size_t i = 0; i < op->inputs.size() && !op->saves.empty(); ++i) {
        if (!is_number(sink.good.front(), i)) continue;
        keeps[op->inputs[i]] = saved_names(*op, op->saves[std::min(i, op->saves.size() - 1)]);
      }
      o["keeps"] = std::move(keeps);
    }
    if (op->onnx != nullptr) o["onnx"] = op->onnx;
    o["refuses"] = nlohmann::ordered_json::array();
    for (const ErrorSample& s : sink.bad) o["refuses"].push_back(s.message);
    list.push_back(std::move(o));
  }
  fmt::print("{}\n", list.dump(1));
}

}  // namespace gradus::tools
