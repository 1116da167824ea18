// Every op of the library, written and read back: on its samples, in all dtypes that it takes, with all
// operands as inputs of the model and with all but the first as constants. What cannot be written is listed
// here, with its reasons, so that the list can neither miss an op nor keep one that works.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <ostream>
#include <set>

#include "gradus/graph/apply.h"
#include "gradus/graph/samples.h"
#include "gradus/ops/all_ops.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/reduction.h"
#include "written.h"

namespace gradus {

void PrintTo(const OpDef* op, std::ostream* os) { *os << op->name; }

}  // namespace gradus

namespace gradus::onnx {
namespace {

constexpr const char* kDerivative = "it is part of a derivative; trace the forward pass alone";
constexpr const char* kNoOperator = "operator set 17 has no such operator, and it is not composed of others";
constexpr const char* kNoSolver = "operator set 17 has no factorisations and no solver of linear systems";
constexpr const char* kRandom =
    "it draws random numbers, and the file's would be others; put the model in eval mode";

// Ops that are never written.
std::map<std::string, const char*> never_written() {
  std::map<std::string, const char*> all = {
      {"bernoulli", kRandom},
      {"dropout", kRandom},
      {"linalg_cholesky", kNoSolver},
      {"linalg_cofactor", kNoSolver},
      {"linalg_eigh", kNoSolver},
      {"linalg_eigvalsh", kNoSolver},
      {"linalg_inv", kNoSolver},
      {"linalg_lu_factor", kNoSolver},
      {"linalg_lu_solve", kNoSolver},
      {"linalg_pinv", kNoSolver},
      {"linalg_qr", kNoSolver},
      {"linalg_solve", kNoSolver},
      {"linalg_solve_triangular", kNoSolver},
      {"linalg_svd", kNoSolver},
      {"linalg_svdvals", kNoSolver},
      {"linear_scan", kNoOperator},
      {"max_pool_take", kNoOperator},
      {"polygamma", kNoOperator},
      // Behind max_pool it is: OnnxSave.IndicesOfMaxPool.
      {"max_pool_indices", "its operand comes from no max_pool of the trace"},
  };
  for (const OpDef* op : all_ops()) {
    if (std::string_view(op->name).ends_with("_backward")) all[op->name] = kDerivative;
  }
  return all;
}

// Uses of other ops that are not written.
const std::map<std::string, std::set<std::string>> kRefusedUses = {
    {"adaptive_max_pool",
     {"its output 1 is used: the places in windows of several sizes have no counterpart",
      "its output 1 is used: the places within windows have no counterpart",
      "runtimes do not pool i64; convert with astype()"}},
    {"max_pool",
     {"its output 1 is used: the places within windows have no counterpart",
      "runtimes do not pool i64; convert with astype()"}},
    {"nonzero", {"its operand is a scalar"}},
    {"scaled_dot_product_attention", {"its dropout draws random numbers; put the model in eval mode"}},
};

using Refusals = std::map<std::string, std::set<std::string>>;

constexpr DType kDtypes[] = {DType::f64, DType::f32, DType::f16, DType::bf16,    DType::i64,
                             DType::i32, DType::u8,  DType::i8,  DType::boolean, DType::i16,
                             DType::u16, DType::u32, DType::u64};

class OnnxSaveOp : public testing::TestWithParam<const OpDef*> {
 protected:
  // The sample's floating operands in another dtype; for whole numbers only finite ones.
  static bool convert(const Sample& s, DType to, std::vector<Tensor>* inputs) {
    bool has_floating = false;
    for (const Tensor& t : s.inputs) {
      Tensor x = t.clone_detached();
      if (is_floating(t.dtype())) {
        has_floating = true;
        if (!is_floating(to) && !all(isfinite(x)).item<bool>()) return false;
        if (!is_floating(to)) x = trunc(x);
        const bool is_unsigned = to == DType::u8 || to == DType::u16 || to == DType::u32 || to == DType::u64;
        x = astype(is_unsigned ? abs(x) : x, to);
      }
      inputs->push_back(x);
    }
    return has_floating || to == DType::f64;
  }

  void try_one(const OpDef& op, const Sample& s, const std::vector<Tensor>& inputs, std::size_t open,
               const std::vector<int>& outputs, const std::string& name) {
    std::vector<Tensor> results(static_cast<std::size_t>(op.outputs));
    std::vector<Operand> operands;
    operands.reserve(inputs.size());
    for (const Tensor& t : inputs) operands.emplace_back(t, Location::current());
    Trace trace;
    try {
      apply(op, operands, s.attr_bytes(), results);
    } catch (const Error&) {
      return;  // it does not take this dtype
    }
    trace.stop();
    ++tried_;
    SaveOptions options;
    std::vector<Tensor> given, expected;
    NamedTensors wanted;
    for (std::size_t i = 0; i < open; ++i) {
      options.inputs.push_back({"in" + std::to_string(i), inputs[i]});
      given.push_back(inputs[i]);
    }
    for (const int k : outputs) {
      expected.push_back(results[static_cast<std::size_t>(k)]);
      wanted.push_back({"out" + std::to_string(k), expected.back()});
    }
    const auto bytes = serialize(trace, wanted, options);
    if (!bytes.ok()) {
      const std::string message(bytes.status().message());
      EXPECT_TRUE(absl::IsUnimplemented(bytes.status())) << name << ": " << message;
      const std::string head = std::string("onnx::save: ") + op.name + " (called at save_ops_test.cc:";
      EXPECT_EQ(message.compare(0, head.size(), head), 0) << message;
      const std::size_t at = message.find("): ");
      refusals_[op.name].insert(at == std::string::npos ? message : message.substr(at + 3));
      return;
    }
    ++written_;
    EXPECT_EQ(objections(*bytes), "") << name;
    EXPECT_EQ(run_and_compare(*bytes, given, expected), "") << name;
    keep_case(name, *bytes, given, expected);
  }

  int tried_ = 0, written_ = 0;
  Refusals refusals_;
};

TEST_P(OnnxSaveOp, ReadsBackTheSame) {
  const OpDef& op = *GetParam();
  SampleSink sink;
  op.samples(sink);
  std::vector<std::vector<int>> choices;
  choices.reserve(static_cast<std::size_t>(op.outputs) + 1);
  for (int k = 0; k < op.outputs; ++k) choices.push_back({k});
  if (op.outputs > 1) {
    choices.emplace_back();
    for (int k = 0; k < op.outputs; ++k) choices.back().push_back(k);
  }
  for (std::size_t i = 0; i < sink.good.size(); ++i) {
    for (const DType dtype : kDtypes) {
      std::vector<Tensor> inputs;
      if (!convert(sink.good[i], dtype, &inputs)) continue;
      std::set<std::size_t> opens{inputs.size(), std::min<std::size_t>(1, inputs.size())};
      for (const std::size_t open : opens) {
        for (const std::vector<int>& outputs : choices) {
          std::string name = std::string(op.name) + "_" + std::to_string(i) + "_" + gradus::name(dtype) +
                             "_" + std::to_string(open);
          for (const int k : outputs) name += "_" + std::to_string(k);
          try_one(op, sink.good[i], inputs, open, outputs, name);
        }
      }
    }
  }
  EXPECT_GT(tried_, 0);
  const auto never = never_written();
  if (const auto it = never.find(op.name); it != never.end()) {
    EXPECT_EQ(written_, 0);
    EXPECT_THAT(refusals_[op.name], testing::ElementsAre(it->second));
    return;
  }
  EXPECT_GT(written_, 0);
  const auto uses = kRefusedUses.find(op.name);
  EXPECT_EQ(refusals_[op.name], uses != kRefusedUses.end() ? uses->second : std::set<std::string>{});
}

INSTANTIATE_TEST_SUITE_P(Ops, OnnxSaveOp, testing::ValuesIn(all_ops().begin(), all_ops().end()),
                         [](const auto& info) { return std::string(info.param->name); });

// Names in the lists that no op has.
TEST(OnnxSaveOps, ListsNameOps) {
  std::set<std::string> names;
  for (const OpDef* op : all_ops()) names.insert(op->name);
  for (const auto& [name, why] : never_written()) EXPECT_EQ(names.count(name), 1U) << name;
  for (const auto& [name, why] : kRefusedUses) EXPECT_EQ(names.count(name), 1U) << name;
}

}  // namespace
}  // namespace gradus::onnx
