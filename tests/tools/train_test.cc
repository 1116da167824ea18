// gradus train as a user runs it, on a few images that are easy to tell apart: what it prints and leaves,
// that it repeats byte for byte, and that a run that fails or is stopped leaves what was there before.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <functional>
#include <random>
#include <sstream>
#include <thread>

#include "gradus/data/format/safetensors.h"
#include "tool.h"

namespace gradus::tools {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

using Words = std::vector<std::string>;

constexpr const char* kSvgRoot = "{http://www.w3.org/2000/svg}svg";

class Train : public testing::Test {
 protected:
  Train() { write_small_data(data()); }

  std::string data() const { return folder_ / "data"; }
  std::string work() const { return folder_ / "work"; }  // where the tool runs
  std::string result(const std::string& name) const { return work() + "/out/" + name; }
  std::string weights() const { return read_all(result("weights.safetensors")); }

  static Words command_line(const Words& more, const std::string& out = "out") {
    Words args = {"train", "fashion-mnist", "--data", "../data", "--out", out};
    args.insert(args.end(), more.begin(), more.end());
    return args;
  }
  Outcome train(const Words& more = {"--epochs", "2"}, const std::string& path_variable = "") const {
    return run_tool(work(), command_line(more), path_variable);
  }
  void wait_for_checkpoint() const {
    const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!std::filesystem::exists(result("checkpoint.safetensors")) &&
           std::chrono::steady_clock::now() < patience) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
  // What a run must look like that found something wrong: `message` on one line, and nothing made.
  void expect_refused(const Outcome& o, const std::string& message) const {
    EXPECT_EQ(o.code, 2);
    EXPECT_THAT(o.err, AllOf(StartsWith("gradus train fashion-mnist: "), HasSubstr(message)));
    EXPECT_EQ(std::count(o.err.begin(), o.err.end(), '\n'), 1) << o.err;
    EXPECT_THAT(files_in(work()), IsEmpty());
  }

  TemporaryFolder folder_;
};

// The rows below the header, split at commas.
std::vector<Words> rows_of(const std::string& csv) {
  std::vector<Words> rows;
  std::istringstream lines(csv);
  std::string line;
  std::getline(lines, line);
  while (std::getline(lines, line)) {
    Words& row = rows.emplace_back();
    std::istringstream cells(line);
    for (std::string cell; std::getline(cells, cell, ',');) row.push_back(cell);
  }
  return rows;
}

TEST_F(Train, LearnsAndLeavesItsResults) {
  const Outcome o = train({"--epochs", "8"});
  EXPECT_EQ(o.code, 0);
  EXPECT_EQ(o.err, "");
  EXPECT_THAT(o.out,
              HasSubstr("fashion-mnist: 400 training images, 100 test images; mlp: 235146 parameters"));
  EXPECT_THAT(o.out, HasSubstr("\nepoch 1/8  train loss "));
  EXPECT_THAT(o.out, HasSubstr("\nepoch 8/8  train loss "));
  EXPECT_THAT(o.out,
              EndsWith("written to out: weights.safetensors history.csv loss.svg graph.dot graph.svg\n"));
  EXPECT_THAT(files_in(work()), ElementsAre("out"));
  EXPECT_THAT(files_in(work() + "/out"),
              ElementsAre("graph.dot", "graph.svg", "history.csv", "loss.svg", "weights.safetensors"));

  const std::string csv = read_all(result("history.csv"));
  EXPECT_THAT(csv, StartsWith("epoch,train_loss,test_loss,test_accuracy,seconds\n1,"));
  const std::vector<Words> rows = rows_of(csv);
  ASSERT_EQ(rows.size(), 8U);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    ASSERT_EQ(rows[i].size(), 5U);
    EXPECT_EQ(rows[i][0], std::to_string(i + 1));
    EXPECT_GT(std::stod(rows[i][4]), 0.0);
  }
  EXPECT_LT(std::stod(rows[7][1]), 0.5 * std::stod(rows[0][1]));
  EXPECT_LT(std::stod(rows[7][2]), 0.5 * std::stod(rows[0][2]));
  EXPECT_GT(std::stod(rows[7][3]), 0.95);
}

TEST_F(Train, Pictures) {
  ASSERT_EQ(train().code, 0);
  EXPECT_EQ(xml_root(result("graph.svg")), kSvgRoot);
  EXPECT_EQ(xml_root(result("loss.svg")), kSvgRoot);
  for (const char* file : {"graph.dot", "graph.svg"}) {
    const std::string graph = read_all(result(file));
    for (const char* word : {"images", "labels", "logits", "loss", "cross_entropy", "relu", "linear",
                             "fc1.weight", "fc1.bias", "fc2.weight", "fc3.bias", "256 × 784", "64 × 784"}) {
      EXPECT_THAT(graph, HasSubstr(word)) << file;
    }
    EXPECT_THAT(graph, Not(HasSubstr(folder_.path()))) << file;
  }
  const std::string loss = read_all(result("loss.svg"));
  for (const char* word :
       {"epoch", "cross entropy (nats)", "test accuracy (%)", "training loss", "test loss"}) {
    EXPECT_THAT(loss, HasSubstr(word));
  }
}

TEST_F(Train, WeightsUnderTheirNames) {
  ASSERT_EQ(train().code, 0);
  const auto tensors = gradus::data::load_safetensors(result("weights.safetensors"));
  ASSERT_TRUE(tensors.ok()) << tensors.status();
  Words names;
  for (const NamedTensor& t : *tensors) names.push_back(t.name);
  EXPECT_THAT(names,
              ElementsAre("fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias", "fc3.weight", "fc3.bias"));
  EXPECT_EQ((*tensors)[0].tensor.shape(), (Shape{256, 784}));
}

TEST_F(Train, TheSameSeedGivesTheSameBytes) {
  ASSERT_EQ(train({"--epochs", "2", "--seed", "5"}).code, 0);
  const std::string first = weights();
  ASSERT_EQ(train({"--epochs", "2", "--seed", "5"}).code, 0);
  EXPECT_TRUE(weights() == first);
  ASSERT_EQ(train({"--epochs", "2", "--seed", "5", "--threads", "2"}).code, 0);
  const std::string with_two_threads = weights();
  ASSERT_EQ(train({"--epochs", "2", "--seed", "5", "--threads", "2"}).code, 0);
  EXPECT_TRUE(weights() == with_two_threads);
  ASSERT_EQ(train({"--epochs", "2", "--seed", "6"}).code, 0);
  EXPECT_FALSE(weights() == first);
}

// Each option must reach the optimizer: it changes the weights, and training still learns.
TEST_F(Train, OptionsOfOptimizersCount) {
  const std::vector<Words> lines = {
      {"--optimizer", "sgd"},
      {"--optimizer", "sgd", "--momentum", "0.9"},
      {"--optimizer", "sgd", "--weight-decay", "0.01"},
      {"--optimizer", "adam"},
      {"--optimizer", "adam", "--lr", "0.002"},
      {"--optimizer", "adam", "--weight-decay", "0.01"},
      {"--optimizer", "adamw"},
      {"--optimizer", "adamw", "--weight-decay", "0"},
      {"--batch-size", "50"},
  };
  std::vector<std::string> all;
  for (const Words& options : lines) {
    Words args = command_line({"--epochs", "3"});
    args.insert(args.end(), options.begin(), options.end());
    ASSERT_EQ(run_tool(work(), args).code, 0) << testing::PrintToString(options);
    const std::vector<Words> rows = rows_of(read_all(result("history.csv")));
    EXPECT_LT(std::stod(rows[2][1]), std::stod(rows[0][1])) << testing::PrintToString(options);
    all.push_back(weights());
  }
  // adamw without decay is adam.
  EXPECT_TRUE(all[7] == all[3]);
  all.erase(all.begin() + 7);
  std::sort(all.begin(), all.end());
  EXPECT_TRUE(std::adjacent_find(all.begin(), all.end()) == all.end());
}

// By the last epochs of a few every optimizer learns with its own rate; no two do the same.
TEST_F(Train, EveryOptimizerLearns) {
  std::vector<std::string> all;
  for (const char* name : {"sgd", "adam", "adamw", "adamax", "nadam", "radam", "adagrad", "adadelta",
                           "rmsprop", "rprop", "asgd", "lion", "adafactor", "muon"}) {
    SCOPED_TRACE(name);
    const Outcome o = train({"--epochs", "3", "--batch-size", "20", "--optimizer", name});
    ASSERT_EQ(o.code, 0) << o.err;
    const std::vector<Words> rows = rows_of(read_all(result("history.csv")));
    EXPECT_LT(std::stod(rows[2][1]), std::stod(rows[0][1]));
    EXPECT_LT(std::stod(rows[2][2]), std::stod(rows[0][2]));
    all.push_back(weights());
  }
  std::sort(all.begin(), all.end());
  EXPECT_TRUE(std::adjacent_find(all.begin(), all.end()) == all.end());
}

TEST_F(Train, EveryScheduleCounts) {
  std::vector<std::string> all;
  for (const char* name : {"constant", "step", "cosine", "one-cycle", "warmup-cosine"}) {
    SCOPED_TRACE(name);
    const Outcome o = train({"--epochs", "3", "--schedule", name});
    ASSERT_EQ(o.code, 0) << o.err;
    const std::vector<Words> rows = rows_of(read_all(result("history.csv")));
    EXPECT_LT(std::stod(rows[2][1]), std::stod(rows[0][1]));
    all.push_back(weights());
  }
  ASSERT_EQ(train({"--epochs", "3"}).code, 0);
  EXPECT_TRUE(weights() == all[0]) << "constant is the default";
  // A run of one step, whose rate is the schedule's first.
  for (const char* name : {"step", "cosine", "one-cycle", "warmup-cosine"}) {
    EXPECT_EQ(train({"--epochs", "1", "--batch-size", "400", "--schedule", name}).code, 0) << name;
  }
  std::sort(all.begin(), all.end());
  EXPECT_TRUE(std::adjacent_find(all.begin(), all.end()) == all.end());
}

TEST_F(Train, GzipIsReadLikePlain) {
  ASSERT_EQ(train().code, 0);
  const std::string plain = weights();
  for (const std::string& name : files_in(data())) {
    const std::string content = read_all(data() + "/" + name);
    gzFile out = gzopen((data() + "/" + name + ".gz").c_str(), "wb");
    ASSERT_EQ(gzwrite(out, content.data(), static_cast<unsigned>(content.size())),
              static_cast<int>(content.size()));
    gzclose(out);
    std::filesystem::remove(data() + "/" + name);
  }
  ASSERT_EQ(train().code, 0);
  EXPECT_TRUE(weights() == plain);
}

struct Damage {
  const char* what;
  const char* file;
  std::function<void(std::string&)> change;
  const char* message;
};

// Of the file as it lies there, at every place that a reader looks at.
TEST_F(Train, DamagedData) {
  const std::string gzip_start = "\x1f\x8b";
  const std::vector<Damage> damages = {
      {"cut off", "train-images-idx3-ubyte", [](std::string& s) { s.resize(s.size() - 1); },
       "the file is cut off: its sizes ask for 313600 bytes of elements, 313599 are there"},
      {"cut off in the header", "train-images-idx3-ubyte", [](std::string& s) { s.resize(9); }, "cut off"},
      {"empty", "t10k-labels-idx1-ubyte", [](std::string& s) { s.clear(); }, "cut off"},
      {"too long", "train-labels-idx1-ubyte", [](std::string& s) { s += "x"; },
       "1 bytes follow the elements"},
      {"other format", "t10k-images-idx3-ubyte", [](std::string& s) { s[0] = 'P'; }, "not an IDX file"},
      {"huge size", "train-images-idx3-ubyte", [](std::string& s) { s[4] = '\x7f'; }, "cut off"},
      {"a label of 10", "train-labels-idx1-ubyte", [](std::string& s) { s[8] = 10; }, "label 0 is 10"},
      {"labels of another set", "train-labels-idx1-ubyte",
       [&](std::string& s) { s = read_all(data() + "/t10k-labels-idx1-ubyte"); },
       "it holds 100 labels for 400 images"},
      {"images for labels", "train-labels-idx1-ubyte",
       [&](std::string& s) { s = read_all(data() + "/train-images-idx3-ubyte"); },
       "it does not hold one byte a label"},
      {"no gzip after its first bytes", "train-images-idx3-ubyte",
       [&](std::string& s) { s = gzip_start + s; }, "corrupt gzip data"},
  };
  for (const Damage& d : damages) {
    SCOPED_TRACE(d.what);
    const std::string path = data() + "/" + d.file;
    const std::string whole = read_all(path);
    std::string content = whole;
    d.change(content);
    write_all(path, content);
    const Outcome o = train();
    expect_refused(o, d.message);
    EXPECT_THAT(o.err, HasSubstr(std::string("../data/") + d.file));
    write_all(path, whole);
  }
}

TEST_F(Train, DamagedGzip) {
  const std::string plain = data() + "/train-images-idx3-ubyte";
  const std::string content = read_all(plain);
  gzFile out = gzopen((plain + ".gz").c_str(), "wb");
  gzwrite(out, content.data(), static_cast<unsigned>(content.size()));
  gzclose(out);
  const std::string packed = read_all(plain + ".gz");
  write_all(plain + ".gz", packed.substr(0, packed.size() / 2));
  expect_refused(train(), "../data/train-images-idx3-ubyte.gz: the gzip data is cut off after ");
  std::string wrong_sum = packed;
  wrong_sum[packed.size() - 8] ^= 1;
  write_all(plain + ".gz", wrong_sum);
  expect_refused(train(), "../data/train-images-idx3-ubyte.gz: corrupt gzip data near byte ");
}

TEST_F(Train, EmptyData) {
  write_small_data(data(), 0, 100);
  expect_refused(train(), "../data: the training set holds no images");
  write_small_data(data(), 400, 0);
  expect_refused(train(), "../data: the test set holds no images");
  std::filesystem::remove(data() + "/t10k-labels-idx1-ubyte");
  expect_refused(train(), "../data: neither t10k-labels-idx1-ubyte.gz nor t10k-labels-idx1-ubyte is there");
}

// Found before the first epoch, not after the last.
TEST_F(Train, OutCannotBeWritten) {
  const auto train_into = [&](const std::string& out) {
    return run_tool(work(), command_line({"--epochs", "1"}, out));
  };
  for (const char* out : {"../data/t10k-labels-idx1-ubyte", "../data/t10k-labels-idx1-ubyte/out",
                          "/dev/null/out", "/proc/gradus/out", "/proc"}) {
    SCOPED_TRACE(out);
    const Outcome o = train_into(out);
    expect_refused(o, out);
    EXPECT_EQ(o.out, "");
  }
  expect_refused(train_into(""), "the folder for the results has an empty name");

  std::filesystem::create_directories(result("graph.svg"));
  const Outcome o = train_into("out");
  EXPECT_EQ(o.code, 2);
  EXPECT_EQ(o.err, "gradus train fashion-mnist: cannot write out/graph.svg: it is a folder\n");
  EXPECT_THAT(files_in(work() + "/out"), ElementsAre("graph.svg"));
}

TEST_F(Train, AFailedRunLeavesTheResultsOfTheOneBefore) {
  ASSERT_EQ(train().code, 0);
  std::vector<std::string> before;
  for (const std::string& name : files_in(work() + "/out")) before.push_back(read_all(result(name)));
  const Outcome o = train({"--optimizer", "sgd", "--lr", "1e30"});
  EXPECT_EQ(o.code, 2);
  EXPECT_THAT(o.err, AllOf(StartsWith("gradus train fashion-mnist: the loss is "),
                           EndsWith("; try a smaller --lr\n")));
  std::vector<std::string> after;
  for (const std::string& name : files_in(work() + "/out")) after.push_back(read_all(result(name)));
  EXPECT_TRUE(after == before);
}

TEST_F(Train, ADivergingRunLeavesNothing) {
  expect_refused(run_tool(work(), command_line({"--optimizer", "sgd", "--lr", "1e30"}, "a/b/c")),
                 "try a smaller --lr");
}

TEST_F(Train, StoppedByASignal) {
  for (const int signal : {SIGINT, SIGTERM}) {
    Tool tool(work(), command_line({"--epochs", "1000000"}, "new/out"));
    const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (tool.out().find(" 2/1000000") == std::string::npos &&
           std::chrono::steady_clock::now() < patience) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    tool.send(signal);
    const Outcome o = tool.wait();
    EXPECT_EQ(o.code, 130);
    EXPECT_EQ(o.err, "gradus train fashion-mnist: stopped; no file was changed\n");
    EXPECT_THAT(o.out, HasSubstr(" 2/1000000"));
    EXPECT_THAT(files_in(work()), IsEmpty());
  }
}

TEST_F(Train, KilledAtAnyMomentItGoesOnToTheSameBytes) {
  const Words options = {"--epochs", "40", "--batch-size", "8", "--checkpoint", "10"};
  ASSERT_EQ(run_tool(work(), command_line(options, "whole")).code, 0);
  std::minstd_rand random(1);
  int resumed = 0;
  for (int kill = 0; kill < 20; ++kill) {
    Words args = options;
    if (std::filesystem::exists(result("checkpoint.safetensors"))) {
      args.emplace_back("--resume");
      ++resumed;
    }
    Tool tool(work(), command_line(args));
    if (kill == 0) wait_for_checkpoint();  // on a busy machine the other runs may not come to one
    std::this_thread::sleep_for(std::chrono::milliseconds(20 + random() % 150));
    tool.send(SIGKILL);
    (void)tool.wait();
  }
  EXPECT_GT(resumed, 0);
  Words args = options;
  args.emplace_back("--resume");
  const Outcome o = train(args);
  ASSERT_EQ(o.code, 0) << o.err;
  EXPECT_THAT(o.out, HasSubstr("goes on behind"));
  EXPECT_EQ(weights(), read_all(work() + "/whole/weights.safetensors"));
  const std::vector<Words> whole = rows_of(read_all(work() + "/whole/history.csv")),
                           killed = rows_of(read_all(result("history.csv")));
  ASSERT_EQ(killed.size(), whole.size());
  for (std::size_t i = 0; i < whole.size(); ++i) {  // all but the seconds
    EXPECT_EQ(Words(killed[i].begin(), killed[i].end() - 1), Words(whole[i].begin(), whole[i].end() - 1));
  }
}

// Whatever a model has besides its parameters (dropout's random numbers, the statistics of batch norm) and
// the schedule's place go on as well.
class TrainModel : public Train, public testing::WithParamInterface<const char*> {};

TEST_P(TrainModel, KilledWithinAnEpochItGoesOnToTheSameBytes) {
  write_small_data(data(), 120, 50);
  const Words options = {"--model",     GetParam(), "--epochs",     "2", "--batch-size", "20",
                         "--optimizer", "adamw",    "--checkpoint", "2", "--schedule",   "one-cycle"};
  ASSERT_EQ(run_tool(work(), command_line(options, "whole")).code, 0);
  Tool tool(work(), command_line(options));
  wait_for_checkpoint();
  tool.send(SIGKILL);
  (void)tool.wait();
  Words args = options;
  args.emplace_back("--resume");
  const Outcome o = train(args);
  ASSERT_EQ(o.code, 0) << o.err;
  EXPECT_THAT(o.out, HasSubstr("goes on behind"));
  EXPECT_TRUE(weights() == read_all(work() + "/whole/weights.safetensors"));

  const Outcome score = run_tool(
      work(), {"eval", "fashion-mnist", "--data", "../data", "--weights", "out/weights.safetensors"});
  EXPECT_EQ(score.code, 0) << score.err;
  const std::string of_last_epoch = rows_of(read_all(result("history.csv"))).back()[2].substr(0, 6);
  EXPECT_NEAR(std::stod(score.out.substr(score.out.find("test loss ") + 10)), std::stod(of_last_epoch), 2e-4);
}

INSTANTIATE_TEST_SUITE_P(Models, TrainModel, testing::Values("logistic-regression", "mlp", "lenet", "resnet"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::erase(name, '-');
                           return name;
                         });

TEST_F(Train, ResumeRefusesOtherOptionsAndNoCheckpoint) {
  expect_refused(train({"--resume"}), "out/checkpoint.safetensors: ");
  ASSERT_EQ(train({"--epochs", "1", "--checkpoint", "100"}).code, 0);
  const Outcome o = train({"--epochs", "2", "--resume", "--lr", "0.5"});
  EXPECT_EQ(o.code, 2);
  EXPECT_THAT(
      o.err,
      AllOf(HasSubstr("its run had other options: fashion-mnist --model mlp --optimizer adam --lr 0.001"),
            HasSubstr("--lr 0.5")));
  // More epochs are no other run.
  EXPECT_EQ(train({"--epochs", "2", "--resume"}).code, 0);
  EXPECT_EQ(rows_of(read_all(result("history.csv"))).size(), 2U);
  EXPECT_EQ(train({"--checkpoint", "0"}).code, 2);
  // But a schedule that ends with the last epoch is another one with more.
  ASSERT_EQ(train({"--epochs", "1", "--checkpoint", "100", "--schedule", "cosine"}).code, 0);
  EXPECT_THAT(train({"--epochs", "2", "--resume", "--schedule", "cosine"}).err,
              AllOf(HasSubstr("--schedule cosine --epochs 1"), HasSubstr("--schedule cosine --epochs 2")));
}

TEST_F(Train, WithoutGnuplotEverythingButThePlot) {
  ASSERT_EQ(train().code, 0);
  const Outcome o = train({"--epochs", "1"}, "/nowhere");
  EXPECT_EQ(o.code, 0);
  EXPECT_EQ(o.err,
            "gradus train fashion-mnist: no loss.svg: gnuplot is not installed (package gnuplot-nox); its "
            "numbers are in "
            "out/history.csv\n");
  EXPECT_THAT(o.out, EndsWith("written to out: weights.safetensors history.csv graph.dot graph.svg\n"));
  // Nor the plot of the run before.
  EXPECT_THAT(files_in(work() + "/out"),
              ElementsAre("graph.dot", "graph.svg", "history.csv", "weights.safetensors"));
}

}  // namespace
}  // namespace gradus::tools
