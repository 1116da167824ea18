// What the command says to wrong input: exit code 2, one line on stderr that names the mistake, nothing on
// stdout, no file.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <ostream>

#include "gradus/tools/command.h"
#include "tool.h"

namespace gradus::tools {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

struct Wrong {
  std::vector<std::string> args;
  std::string message;  // the line on stderr begins so
};

// The command line without what build tools take for signs of their own; it names the test.
void PrintTo(const Wrong& w, std::ostream* out) {
  *out << "gradus";
  for (const std::string& arg : w.args) {
    *out << ' ';
    for (const char c : arg)
      *out << (std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '.' ? c : '_');
  }
}

class WrongInput : public testing::TestWithParam<Wrong> {};

TEST_P(WrongInput, IsOneLineAndCode2) {
  const TemporaryFolder folder;
  const Outcome o = run_tool(folder.path(), GetParam().args);
  EXPECT_EQ(o.code, 2);
  EXPECT_EQ(o.out, "");
  EXPECT_THAT(o.err, StartsWith(GetParam().message));
  EXPECT_EQ(std::count(o.err.begin(), o.err.end(), '\n'), 1) << o.err;
  EXPECT_EQ(o.err.back(), '\n');
  EXPECT_THAT(files_in(folder.path()), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(
    Names, WrongInput,
    testing::Values(
        Wrong{
            {},
            "gradus: which command? One of train, eval, graph, ops, check, onnx, profile, why-nan, lecture"},
        Wrong{{"trian"}, "gradus: unknown command 'trian'; did you mean train?"},
        Wrong{{"fly"},
              "gradus: unknown command 'fly'; known: train, eval, graph, ops, check, onnx, profile, why-nan, "
              "lecture"},
        Wrong{{"--verison"}, "gradus: unknown option '--verison'; did you mean --version?"},
        Wrong{{"-v"}, "gradus: unknown option '-v'; known: "},
        Wrong{{"train"}, "gradus train: which command? One of fashion-mnist, "},
        Wrong{{"train", "--lr", "0.1", "fashion-mnist"},
              "gradus train: which command? One of fashion-mnist, "},
        Wrong{{"train", "fashion-mnist", "-lr", "1"},
              "gradus train fashion-mnist: unknown option '-lr'; did you mean --lr"},
        Wrong{{"train", "fashion-mnist", "--epoch=3"},
              "gradus train fashion-mnist: unknown option '--epoch'; did you mean --epochs?"},
        Wrong{{"train", "fashion-mnist", "--lr"},
              "gradus train fashion-mnist: option '--lr' needs a value\n"},
        Wrong{{"train", "fashion-mnist", "--lr", "--epochs", "3"},
              "gradus train fashion-mnist: option '--lr' needs a value\n"},
        Wrong{{"train", "fashion-mnist", "--lr", "1", "--lr=2"},
              "gradus train fashion-mnist: option '--lr' is given twice\n"},
        Wrong{{"train", "fashion-mnist", "3"},
              "gradus train fashion-mnist: The following argument was not expected: 3"},
        Wrong{{"train", "fashion-mnits"},
              "gradus train: unknown command 'fashion-mnits'; did you mean fashion-mnist?"},
        Wrong{{"train", "fashion-mnist", "--model", "cnn"},
              "gradus train fashion-mnist: --model: unknown model 'cnn'; known: logistic-regression, mlp, "
              "lenet, resnet"},
        Wrong{{"train", "fashion-mnist", "--optimizer", "adma"},
              "gradus train fashion-mnist: --optimizer: unknown optimizer 'adma'; did you mean adam?"},
        Wrong{{"train", "fashion-mnist", "--schedule", "cosin"},
              "gradus train fashion-mnist: --schedule: unknown schedule 'cosin'; did you mean cosine or "
              "warmup-cosine?"},
        Wrong{{"eval", "fashion-mnist", "--weight", "x"},
              "gradus eval: unknown option '--weight'; did you mean --weights?"},
        Wrong{{"eval", "fashion-mnist", "--model", "mpl"},
              "gradus eval: --model: unknown model 'mpl'; did you mean mlp?"},
        Wrong{{"graph"}, "gradus graph: model is required"},
        Wrong{{"graph", "xro"}, "gradus graph: unknown model 'xro'; did you mean xor?"},
        Wrong{{"graph", "xor", "--format", "sgv"},
              "gradus graph: --format: unknown format 'sgv'; did you mean svg?"},
        Wrong{{"graph", "xor", "--format", "jpeg"},
              "gradus graph: --format: unknown format 'jpeg'; known: dot, svg, png"},
        Wrong{{"graph", "xor", "--out", "xor.gif"},
              "gradus graph: --out xor.gif: unknown format 'gif'; known: dot, svg, png"},
        Wrong{{"graph", "xor", "--format", "png", "--out", "xor.svg"},
              "gradus graph: --out xor.svg does not end in .png"},
        Wrong{{"ops", "sofmax"}, "gradus ops: unknown op 'sofmax'; did you mean softmax?"},
        Wrong{{"ops", "qqqqqqq"}, "gradus ops: unknown op 'qqqqqqq'; `gradus ops` lists them"},
        Wrong{{"check", "matmull"}, "gradus check: unknown op 'matmull'; did you mean matmul?"},
        Wrong{{"check", "--all"}, "gradus check: unknown option '--all'"},
        Wrong{{"onnx"},
              "gradus onnx: which command? One of run, info, export, suite; gradus onnx --help tells more"},
        Wrong{{"onnx", "rnu"}, "gradus onnx: unknown command 'rnu'; did you mean run?"},
        Wrong{{"onnx", "--verbose"}, "gradus onnx: which command? One of run, info, export, suite;"},
        Wrong{{"onnx", "info"}, "gradus onnx info: model is required"},
        Wrong{{"onnx", "run", "m.onnx", "--input", "x"},
              "gradus onnx run: unknown option '--input'; did you mean --inputs?"},
        Wrong{{"onnx", "suite", ".", "--list", "fialed"},
              "gradus onnx suite: --list: unknown outcome 'fialed'; did you mean failed?"}));

INSTANTIATE_TEST_SUITE_P(
    Numbers, WrongInput,
    testing::Values(
        Wrong{{"train", "fashion-mnist", "--lr", "0"},
              "gradus train fashion-mnist: --lr: '0' is not a finite number above 0"},
        Wrong{{"train", "fashion-mnist", "--lr", "-1e-3"},
              "gradus train fashion-mnist: --lr: '-1e-3' is not a finite number above 0"},
        Wrong{{"train", "fashion-mnist", "--lr", "nan"},
              "gradus train fashion-mnist: --lr: 'nan' is not a finite number above 0"},
        Wrong{{"train", "fashion-mnist", "--lr", "inf"},
              "gradus train fashion-mnist: --lr: 'inf' is not a finite number above 0"},
        Wrong{{"train", "fashion-mnist", "--lr", "1e-3x"},
              "gradus train fashion-mnist: --lr: '1e-3x' is not a finite number above 0"},
        Wrong{{"train", "fashion-mnist", "--lr="},
              "gradus train fashion-mnist: option '--lr' needs a value\n"},
        Wrong{{"train", "fashion-mnist", "--optimizer", "sgd", "--momentum", "1"},
              "gradus train fashion-mnist: --momentum: '1' is not a number of at least 0 and below 1"},
        Wrong{{"train", "fashion-mnist", "--momentum", "0.9"},
              "gradus train fashion-mnist: --momentum is an option of --optimizer sgd, rmsprop, muon; adam "
              "has none"},
        Wrong{{"train", "fashion-mnist", "--optimizer", "rprop", "--weight-decay", "0.1"},
              "gradus train fashion-mnist: --weight-decay is an option of --optimizer sgd, adam, "},
        Wrong{{"train", "fashion-mnist", "--weight-decay", "-0.1"},
              "gradus train fashion-mnist: --weight-decay: '-0.1' is not a finite number of at least 0"},
        Wrong{{"train", "fashion-mnist", "--batch-size", "0"},
              "gradus train fashion-mnist: --batch-size: '0' is not a whole number of at least 1"},
        Wrong{{"train", "fashion-mnist", "--batch-size", "6.5"},
              "gradus train fashion-mnist: --batch-size: '6.5' is not a whole number of at least 1"},
        Wrong{{"train", "fashion-mnist", "--epochs", "0"},
              "gradus train fashion-mnist: --epochs: '0' is not a whole number from 1 to 1000000"},
        Wrong{{"train", "fashion-mnist", "--epochs", "99999999999999999999"},
              "gradus train fashion-mnist: --epochs: '99999999999999999999' is not"},
        Wrong{{"train", "fashion-mnist", "--seed", "-1"},
              "gradus train fashion-mnist: --seed: '-1' is not a whole number of at least 0"},
        Wrong{{"train", "fashion-mnist", "--threads", "0"},
              "gradus train fashion-mnist: --threads: '0' is not a whole number from 1 to 1024"},
        Wrong{{"graph", "mlp", "--batch-size", "0"},
              "gradus graph: --batch-size: '0' is not a whole number from 1 to 100000"}));

INSTANTIATE_TEST_SUITE_P(
    Files, WrongInput,
    testing::Values(
        Wrong{{"train", "fashion-mnist", "--data", "/nowhere"},
              "gradus train fashion-mnist: /nowhere: neither train-images-idx3-ubyte.gz nor "
              "train-images-idx3-ubyte is there; the "
              "package dataset-fashion-mnist"},
        Wrong{
            {"eval", "fashion-mnist", "--weights", "none.safetensors"},
            "gradus eval: cannot open none.safetensors: No such file or directory; `gradus train` writes it"},
        Wrong{{"onnx", "info", "none.onnx"},
              "gradus onnx info: cannot open none.onnx: No such file or directory"},
        Wrong{{"onnx", "suite", "."}, "gradus onnx suite: . holds no folder with a model.onnx"},
        Wrong{{"graph", "xor", "--out", "/nowhere/xor.dot"}, "gradus graph: "},
        Wrong{{"graph", "xor", "--out", "/nowhere/xor.svg"}, "gradus graph: "}));

TEST(CommandLine, HelpAndVersionGoToStdout) {
  const TemporaryFolder folder;
  const Outcome version = run_tool(folder.path(), {"--version"});
  EXPECT_EQ(version.code, 0);
  EXPECT_THAT(version.out, StartsWith("gradus 0."));
  const Outcome help = run_tool(folder.path(), {"--help"});
  EXPECT_EQ(help.code, 0);
  for (const char* command : {"train", "eval", "graph", "ops", "check", "onnx", "lecture"})
    EXPECT_THAT(help.out, HasSubstr(command));
  const Outcome train = run_tool(folder.path(), {"train", "fashion-mnist", "--help"});
  EXPECT_EQ(train.code, 0);
  for (const char* option : {"--data", "--model", "--optimizer", "--lr", "--momentum", "--weight-decay",
                             "--schedule", "--batch-size", "--epochs", "--seed", "--threads", "--out"}) {
    EXPECT_THAT(train.out, HasSubstr(option));
  }
}

TEST(UnknownName, NearestFirstAndAtMostThree) {
  EXPECT_EQ(unknown_name("op", "adn", {"abs", "add", "and", "sub"}),
            "unknown op 'adn'; did you mean add or and?");
  EXPECT_EQ(unknown_name("op", "entropy", {"cross_entropy", "exp"}),
            "unknown op 'entropy'; did you mean cross_entropy?");
  EXPECT_EQ(unknown_name("op", "aaaa1", {"aaaa2", "aaaa3", "aaaa4", "aaaa5"}),
            "unknown op 'aaaa1'; did you mean aaaa2 or aaaa3 or aaaa4?");
  EXPECT_EQ(unknown_name("op", "", {"a", "b"}), "unknown op ''; known: a, b");
}

}  // namespace
}  // namespace gradus::tools
