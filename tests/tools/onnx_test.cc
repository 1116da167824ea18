// gradus onnx: ONNX's own cases (package libonnx-testdata), with the counts that must not fall, and the
// command.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <map>
#include <set>

#include "gradus/data/format/safetensors.h"
#include "gradus/docs/examples/zoo/classifiers.h"
#include "gradus/graph/recording.h"
#include "gradus/ops/creation.h"
#include "gradus/tools/onnx_case.h"
#include "tool.h"

namespace gradus::tools {
namespace {

namespace fs = std::filesystem;

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

const std::string kData = "/usr/share/libonnx-testdata/data";

struct Suite {
  std::map<CaseOutcome, int> counts;
  std::vector<std::string> failed;
  std::set<std::string> random;
  std::map<std::string, int> unsupported;  // by reason
};

Suite run_all(const std::string& folder) {
  const NoGrad no_grad;
  Suite s;
  const std::vector<std::string> cases = find_cases(kData + "/" + folder);
  EXPECT_FALSE(cases.empty()) << "install libonnx-testdata (tools/packages.sh test)";
  for (const std::string& path : cases) {
    const CaseResult r = run_case(path);
    ++s.counts[r.outcome];
    if (r.outcome == CaseOutcome::failed) s.failed.push_back(r.name + ": " + r.why);
    if (r.outcome == CaseOutcome::random) s.random.insert(r.name);
    if (r.outcome == CaseOutcome::unsupported) ++s.unsupported[r.why.substr(r.why.find("unsupported: "))];
  }
  return s;
}

TEST(OnnxSuite, NodeCases) {
  const Suite s = run_all("node");
  EXPECT_THAT(s.failed, IsEmpty());
  EXPECT_GE(s.counts.at(CaseOutcome::passed), 856);
  EXPECT_LE(s.counts.at(CaseOutcome::passed) + s.counts.at(CaseOutcome::random) +
                s.counts.at(CaseOutcome::unsupported),
            932);
  // These draw numbers, so their values cannot be compared; any other that lands here is wrong.
  EXPECT_THAT(s.random,
              ElementsAre("test_bernoulli", "test_bernoulli_double", "test_bernoulli_double_expanded",
                          "test_bernoulli_expanded", "test_bernoulli_seed", "test_bernoulli_seed_expanded",
                          "test_training_dropout", "test_training_dropout_default",
                          "test_training_dropout_default_mask", "test_training_dropout_mask"));
}

TEST(OnnxSuite, ModelsOfPyTorch) {
  int passed = 0;
  for (const char* folder : {"pytorch-converted", "pytorch-operator"}) {
    const Suite s = run_all(folder);
    EXPECT_THAT(s.failed, IsEmpty());
    passed += s.counts.at(CaseOutcome::passed);
  }
  EXPECT_EQ(passed, 117);
}

TEST(OnnxSuite, SimpleCases) { EXPECT_THAT(run_all("simple").failed, IsEmpty()); }

// Inputs that gradients do not flow into, since they decide on shapes, places or bounds; by operator.
const std::map<std::string, std::vector<int>> kConstantInputs = {
    {"Clip", {1, 2}},
    {"Dropout", {1, 2}},
    {"MelWeightMatrix", {3, 4}},
    {"NonMaxSuppression", {0, 1, 2, 3, 4}},
    {"OneHot", {0, 1}},
    {"Pad", {2}},
    {"Range", {0, 1, 2}},
    {"Resize", {1, 2, 3}},
    {"RoiAlign", {1}},
    {"Upsample", {1}},
};

// Cases at whose inputs differences say nothing: there is a kink or a jump, the function ends, or the numbers
// are so large that the step of the differences is too.
const std::set<std::string> kKinks = {
    "test_acosh_example",
    "test_elu_example",
    "test_floor_example",
    "test_gridsample_aligncorners_true",
    "test_gridsample_bilinear",
    "test_gridsample_nearest",
    "test_leakyrelu_example",
    "test_logsoftmax_large_number",
    "test_logsoftmax_large_number_expanded",
    "test_pow",
    "test_reduce_min_default_axes_keepdims_example",
    "test_round",
    "test_selu_example",
    "test_sign",
    "test_softmax_large_number",
    "test_softmax_large_number_expanded",
    "test_softsign_example",
    "test_thresholdedrelu_example",
    "test_unique_not_sorted_without_axis",
    "test_unique_sorted_with_axis",
    "test_unique_sorted_with_axis_3d",
    "test_unique_sorted_with_negative_axis",
    "test_unique_sorted_without_axis",
};

TEST(OnnxSuite, GradientsOfNodeCases) {
  int right = 0;
  for (const std::string& path : find_cases(kData + "/node")) {
    const CaseResult r = run_case(path);
    if (r.outcome != CaseOutcome::passed || kKinks.count(r.name) > 0) continue;
    const auto constant =
        r.operators.size() == 1 ? kConstantInputs.find(r.operators[0]) : kConstantInputs.end();
    const GradientCheck c =
        check_gradients(path, constant != kConstantInputs.end() ? constant->second : std::vector<int>{});
    right += c.outcome == GradientCheck::Outcome::right ? 1 : 0;
    EXPECT_TRUE(c.outcome != GradientCheck::Outcome::wrong) << r.name << ": " << c.why;
  }
  EXPECT_GE(right, 604);
}

TEST(OnnxCompare, KnowsWhatIsNearEnough) {
  const Tolerance t{.rtol = 1e-3, .atol = 1e-7};
  EXPECT_TRUE(compare(tensor({1.0005}), tensor({1}), t).same);
  EXPECT_FALSE(compare(tensor({1.002}), tensor({1}), t).same);
  EXPECT_FALSE(compare(tensor({1e-6}), tensor({0}), t).same);
  EXPECT_TRUE(compare(tensor({NAN, INFINITY}), tensor({NAN, INFINITY}), t).same);
  EXPECT_FALSE(compare(tensor({INFINITY}), tensor({1}), t).same);
  EXPECT_FALSE(compare(tensor({1}), tensor({INFINITY}), t).same);
  EXPECT_FALSE(compare(tensor({NAN}), tensor({1}), t).same);
  EXPECT_FALSE(compare(tensor({-INFINITY}), tensor({INFINITY}), t).same);
  EXPECT_EQ(compare(tensor({1, 5}), tensor({1, 2}), t).difference, "element 1 is 5 where 2 is expected");
  EXPECT_EQ(compare(tensor({1, 5}), tensor({1, 2}), t).largest, 3);
  EXPECT_EQ(compare(ones({1, 2}), ones({2}), t).difference, "[1, 2] where [2] is expected");
  EXPECT_EQ(compare(ones({2}, DType::i64), ones({2}), t).difference, "i64 where f32 is expected");
  EXPECT_FALSE(compare(full({1}, 1000, DType::i64), full({1}, 1001, DType::i64), t).same);
}

class OnnxCommand : public testing::Test {
 protected:
  Outcome run(std::vector<std::string> args) {
    args.insert(args.begin(), "onnx");
    return run_tool(folder_.path(), args);
  }
  // A copy of a case that may be changed.
  std::string copy(const std::string& name) {
    std::string to = folder_ / name;
    fs::copy(kData + "/node/" + name, to, fs::copy_options::recursive);
    return to;
  }

  TemporaryFolder folder_;
};

TEST_F(OnnxCommand, RunsAndChecks) {
  const std::string c = copy("test_add");
  const std::string set = c + "/test_data_set_0";
  const Outcome plain = run({"run", c + "/model.onnx", "--inputs", set});
  EXPECT_EQ(plain.code, 0) << plain.err;
  EXPECT_EQ(plain.out, "sum [3, 4, 5] f32\n");
  const Outcome checked = run({"run", c + "/model.onnx", "--inputs", set, "--check", set});
  EXPECT_EQ(checked.code, 0) << checked.err;
  EXPECT_THAT(checked.out, StartsWith("sum [3, 4, 5] f32  as expected, largest difference "));
  fs::copy_file(set + "/input_0.pb", set + "/output_0.pb", fs::copy_options::overwrite_existing);
  const Outcome wrong = run({"run", c + "/model.onnx", "--inputs", set, "--check", set});
  EXPECT_EQ(wrong.code, 1);
  EXPECT_THAT(wrong.out, StartsWith("sum [3, 4, 5] f32  WRONG: element 0 is "));
}

TEST_F(OnnxCommand, RefusesWhatDoesNotFit) {
  const std::string c = copy("test_add");
  const Outcome none = run({"run", c + "/model.onnx"});
  EXPECT_EQ(none.code, 2);
  EXPECT_EQ(none.err,
            "gradus onnx run: the model has 2 inputs; --inputs names the folder of input_0.pb, ...\n");
  fs::remove(c + "/test_data_set_0/input_1.pb");
  const Outcome one = run({"run", c + "/model.onnx", "--inputs", c + "/test_data_set_0"});
  EXPECT_EQ(one.code, 2);
  EXPECT_THAT(one.err, HasSubstr("holds 1 files input_0.pb, ..., the model has 2 inputs\n"));
  write_all(c + "/test_data_set_0/input_0.pb", "this is no tensor");
  const Outcome garbage = run({"run", c + "/model.onnx", "--inputs", c + "/test_data_set_0"});
  EXPECT_EQ(garbage.code, 2);
  EXPECT_THAT(garbage.err, HasSubstr("input_0.pb: no ONNX file"));
  EXPECT_EQ(run({"run", c + "/model.onnx", "--inputs", c + "/none"}).err,
            "gradus onnx run: " + c + "/none is no folder\n");
}

TEST_F(OnnxCommand, TellsOfAModel) {
  const Outcome add = run({"info", kData + "/node/test_add/model.onnx"});
  EXPECT_EQ(add.code, 0) << add.err;
  EXPECT_EQ(add.out, kData +
                         "/node/test_add/model.onnx: IR version 7, operator set 14, by backend-test\n"
                         "input      x [3, 4, 5] float\n"
                         "input      y [3, 4, 5] float\n"
                         "output     sum [3, 4, 5] float\n"
                         "parameters 0 in 0 tensors; 0 named constants in all\n"
                         "operator       1 Add\n");
  const Outcome loop = run({"info", kData + "/node/test_loop11/model.onnx"});
  EXPECT_EQ(loop.code, 0);
  EXPECT_THAT(loop.out, HasSubstr("operator       1 Loop  unsupported\n"));
  EXPECT_THAT(loop.out, HasSubstr("unsupported: operator Loop (opset 11)\n"));
}

TEST_F(OnnxCommand, WritesBuiltInModels) {
  for (const std::string model : {"scalar", "linear-regression", "xor", "mlp"}) {
    const Outcome written =
        run({"export", model, "--out", model + ".onnx", "--data", model, "--batch-size", "3"});
    EXPECT_EQ(written.code, 0) << written.err;
    EXPECT_EQ(written.out, model + ".onnx\n");
    const Outcome same = run({"run", model + ".onnx", "--inputs", model, "--check", model});
    EXPECT_EQ(same.code, 0) << same.err << same.out;
    EXPECT_THAT(same.out, HasSubstr("  as expected, largest difference "));
  }
  const Outcome mlp = run({"info", "mlp.onnx"});
  EXPECT_EQ(mlp.out,
            "mlp.onnx: IR version 8, operator set 17, by gradus\n"
            "input      images [3, 784] float\n"
            "output     logits [3, 10] float\n"
            "parameters 235146 in 6 tensors; 6 named constants in all\n"
            "operator       3 Gemm\n"
            "operator       2 Relu\n");
}

TEST_F(OnnxCommand, WritesExamplesOfTheZooWithTheirOptions) {
  const Outcome written =
      run({"export", "char-lstm", "--layers", "1", "--hidden", "8", "--out", "x.onnx", "--data", "x"});
  EXPECT_EQ(written.code, 0) << written.err;
  EXPECT_EQ(run({"run", "x.onnx", "--inputs", "x", "--check", "x"}).code, 0);
  const Outcome random = run({"export", "lenet", "--out", "y.onnx"});
  EXPECT_EQ(random.code, 2);
  EXPECT_THAT(random.err, HasSubstr("dropout"));
  EXPECT_THAT(random.err, HasSubstr("put the model in eval mode"));
}

TEST_F(OnnxCommand, WritesATrainedClassifierInEvalMode) {
  const zoo::LeNet model;
  ASSERT_TRUE(data::save_safetensors(folder_ / "w.safetensors", model.state_dict()).ok());
  const Outcome written = run({"export", "lenet", "--weights", "w.safetensors", "--batch-size", "2", "--out",
                               "x.onnx", "--data", "x"});
  EXPECT_EQ(written.code, 0) << written.err;
  const Outcome same = run({"run", "x.onnx", "--inputs", "x", "--check", "x"});
  EXPECT_EQ(same.code, 0) << same.err << same.out;
  EXPECT_THAT(run({"info", "x.onnx"}).out, HasSubstr("parameters 117066 in 8 tensors"));
  const Outcome other = run({"export", "mlp", "--weights", "w.safetensors", "--out", "y.onnx"});
  EXPECT_EQ(other.code, 2);
  EXPECT_THAT(other.err, HasSubstr("its names are those of --model lenet"));
  const Outcome none = run({"export", "gpt", "--weights", "w.safetensors", "--out", "y.onnx"});
  EXPECT_EQ(none.code, 2);
  EXPECT_THAT(none.err, HasSubstr("--weights: gpt is none of the classifiers logistic-regression, mlp"));
}

TEST_F(OnnxCommand, RefusesToWrite) {
  EXPECT_EQ(run({"export", "mpl", "--out", "x.onnx"}).code, 2);
  EXPECT_THAT(run({"export", "mpl", "--out", "x.onnx"}).err,
              HasSubstr("unknown model 'mpl'; did you mean mlp?"));
  const Outcome no_file = run({"export", "mlp"});
  EXPECT_EQ(no_file.code, 2);
  EXPECT_THAT(no_file.err, HasSubstr("--out is required"));
  EXPECT_EQ(run({"export", "mlp", "--out", "x.onnx", "--batch-size", "0"}).code, 2);
  const Outcome no_folder = run({"export", "mlp", "--out", "none/x.onnx"});
  EXPECT_EQ(no_folder.code, 2);
  EXPECT_THAT(no_folder.err, HasSubstr("none/x.onnx"));
  const Outcome folder = run({"export", "mlp", "--out", "."});
  EXPECT_EQ(folder.code, 2);
  EXPECT_EQ(folder.err, "gradus onnx export: --out . is a folder\n");
}

TEST_F(OnnxCommand, CountsCases) {
  copy("test_add");
  copy("test_loop11");
  const std::string relu = copy("test_relu");
  const Outcome good = run({"suite", "."});
  EXPECT_EQ(good.code, 0) << good.err;
  EXPECT_THAT(good.out,
              HasSubstr("\nAdd                                      1       0       0            0\n"));
  EXPECT_THAT(
      good.out,
      HasSubstr("\n3 cases: 2 passed, 0 of random numbers with the right shapes, 0 failed, 1 unsupported\n"));
  write_all(relu + "/test_data_set_0/output_0.pb", "");
  const Outcome bad = run({"suite", ".", "--list", "failed"});
  EXPECT_EQ(bad.code, 1);
  EXPECT_THAT(bad.out, StartsWith("test_relu: "));
  EXPECT_THAT(bad.out, HasSubstr("1 failed, 1 unsupported\n"));
  EXPECT_THAT(run({"suite", ".", "--list", "passed"}).out, StartsWith("test_add\n"));
}

}  // namespace
}  // namespace gradus::tools
