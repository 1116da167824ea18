// gradus train fashion-mnist: trains a classifier and leaves in --out its weights, the history as numbers and
// as a picture, and the graph that one training step recorded.
#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <memory>
#include <optional>

#include "gradus/base/parallel.h"
#include "gradus/gradus.h"
#include "gradus/tools/classifier.h"
#include "gradus/tools/command.h"
#include "gradus/tools/models.h"
#include "gradus/tools/plot.h"

namespace gradus::tools {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point t) { return std::chrono::duration<double>(Clock::now() - t).count(); }

struct Options {
  std::string dataset;
  std::string data;
  std::string model = "mlp";
  std::string optimizer = "adam";
  std::optional<double> lr;
  double momentum = 0.0;
  double weight_decay = 0.0;
  std::int64_t batch_size = 64;
  std::int64_t epochs = 10;
  std::uint64_t seed = 0;
  int threads = 1;
  std::string out = "out/train";
};

std::unique_ptr<optim::Optimizer> make_optimizer(const Options& o, nn::Module& model) {
  const auto params = model.parameters();
  if (o.optimizer != "sgd" && o.momentum != 0.0) {
    throw UsageError(fmt::format("--momentum is for --optimizer sgd; {} has betas", o.optimizer));
  }
  if (o.optimizer == "sgd") {
    return std::make_unique<optim::SGD>(
        params,
        optim::SGDOptions{.lr = o.lr.value_or(0.05), .momentum = o.momentum, .weight_decay = o.weight_decay});
  }
  if (o.optimizer == "adam") {
    return std::make_unique<optim::Adam>(
        params, optim::AdamOptions{.lr = o.lr.value_or(1e-3), .weight_decay = o.weight_decay});
  }
  if (o.optimizer == "adamw") {
    return std::make_unique<optim::AdamW>(
        params, optim::AdamWOptions{.lr = o.lr.value_or(1e-3), .weight_decay = o.weight_decay});
  }
  throw UsageError(unknown_name("optimizer", o.optimizer, {"sgd", "adam", "adamw"}));
}

// One line that is rewritten in place; only where a person is watching.
class Progress {
 public:
  Progress(std::int64_t epoch, std::int64_t epochs, std::int64_t steps)
      : epoch_(epoch),
        epochs_(epochs),
        steps_(steps),
        shown_(isatty(STDERR_FILENO) != 0),
        start_(Clock::now()) {}
  ~Progress() {
    if (shown_) fmt::print(stderr, "\r\033[K");
  }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void step(std::int64_t step, double loss) {
    if (!shown_ || seconds_since(drawn_) < 0.1) return;
    drawn_ = Clock::now();
    const double left =
        seconds_since(start_) / static_cast<double>(step) * static_cast<double>(steps_ - step);
    fmt::print(stderr, "\r\033[Kepoch {}/{}  step {}/{}  loss {:.4f}  {:.0f} s left in this epoch", epoch_,
               epochs_, step, steps_, loss, left);
    std::fflush(stderr);
  }

 private:
  std::int64_t epoch_;
  std::int64_t epochs_;
  std::int64_t steps_;
  bool shown_;
  Clock::time_point start_;
  Clock::time_point drawn_{};
};

std::string history_csv(const std::vector<Epoch>& history) {
  std::string csv = "epoch,train_loss,test_loss,test_accuracy,seconds\n";
  for (const Epoch& e : history) {
    csv += fmt::format("{},{:.6f},{:.6f},{:.4f},{:.3f}\n", e.epoch, e.train_loss, e.test_loss,
                       e.test_accuracy, e.seconds);
  }
  return csv;
}

void save_weights(nn::Module& model, const std::string& path) {
  if (const absl::Status s = data::save_safetensors(path, model.state_dict()); !s.ok()) {
    throw UsageError(std::string(s.message()));
  }
}

void run(const Options& o) {
  if (o.model != "mlp") throw UsageError(unknown_name("model", o.model, {"mlp"}));
  const Split train = load_split(o.dataset, o.data, Part::train);
  const Split test = load_split(o.dataset, o.data, Part::test);
  prepare_folder(o.out);
  set_threads(o.threads);
  manual_seed(o.seed);

  Mlp model;
  name_parameters(model);
  const std::unique_ptr<optim::Optimizer> optimizer = make_optimizer(o, model);
  data::DataLoader loader(data::TensorDataset({train.images, train.labels}),
                          {.batch_size = o.batch_size, .shuffle = true, .seed = o.seed});

  std::vector<Epoch> history;
  for (std::int64_t epoch = 1; epoch <= o.epochs; ++epoch) {
    const auto start = Clock::now();
    double loss_sum = 0.0;
    std::int64_t seen = 0;
    std::int64_t step = 0;
    {
      Progress progress(epoch, o.epochs, loader.size());
      for (auto&& [images, labels] : loader) {
        const Tensor loss = cross_entropy(model(images), labels);
        optimizer->zero_grad();
        loss.backward();
        optimizer->step();
        const double value = loss.item();
        loss_sum += value * static_cast<double>(labels.numel());
        seen += labels.numel();
        progress.step(++step, value);
      }
    }
    const double seconds = seconds_since(start);
    const Score score = evaluate(model, test);
    history.push_back(
        {static_cast<int>(epoch), loss_sum / static_cast<double>(seen), score.loss, score.accuracy, seconds});
    const Epoch& e = history.back();
    fmt::print("epoch {:>{}}/{}  train loss {:.4f}  test loss {:.4f}  test accuracy {:.2f} %  {:.2f} s\n",
               e.epoch, fmt::formatted_size("{}", o.epochs), o.epochs, e.train_loss, e.test_loss,
               100 * e.test_accuracy, e.seconds);
    std::fflush(stdout);
    save_text(o.out + "/history.csv", history_csv(history));
  }

  save_weights(model, o.out + "/weights.safetensors");
  const Batch batch = first_rows(train, o.batch_size);
  const Tensor images = batch.images.detach().name("images");
  const Tensor labels = batch.labels.detach().name("labels");
  const Tensor loss = cross_entropy(model(images).name("logits"), labels).name("loss");
  write_graph(loss, o.out + "/graph.dot");
  write_graph(loss, o.out + "/graph.svg");
  const std::string title = fmt::format("{}: {}, {} lr {}, batch {}", o.dataset, o.model, o.optimizer,
                                        o.lr.value_or(o.optimizer == "sgd" ? 0.05 : 1e-3), o.batch_size);
  if (const std::string why = plot_history(history, title, o.out + "/loss.svg"); !why.empty()) {
    fmt::print(stderr, "gradus: no loss.svg: {}; the numbers are in {}/history.csv\n", why, o.out);
  }
  fmt::print("written to {}: weights.safetensors history.csv loss.svg graph.dot graph.svg\n", o.out);
}

}  // namespace

void add_train(CLI::App& app) {
  CLI::App* cmd = app.add_subcommand("train", "Train a classifier and draw what its training recorded");
  auto o = std::make_shared<Options>();
  cmd->add_option("dataset", o->dataset, "fashion-mnist")->required();
  cmd->add_option("--data", o->data,
                  "Folder of the data set's files; by default where Debian's package puts them")
      ->default_str("");
  cmd->add_option("--model", o->model, "mlp (784-256-128-10)");
  cmd->add_option("--optimizer", o->optimizer, "sgd, adam or adamw");
  cmd->add_option("--lr", o->lr, "Learning rate; by default 0.05 for sgd, 0.001 for adam and adamw");
  cmd->add_option("--momentum", o->momentum, "Momentum of sgd");
  cmd->add_option("--weight-decay", o->weight_decay, "Weight decay (decoupled for adamw)");
  cmd->add_option("--batch-size", o->batch_size, "Images a step")->check(CLI::PositiveNumber);
  cmd->add_option("--epochs", o->epochs, "Passes over the training images")->check(CLI::PositiveNumber);
  cmd->add_option("--seed", o->seed, "Seed of initial weights and order");
  cmd->add_option("--threads", o->threads, "Threads that compute")->check(CLI::Range(1, 1024));
  cmd->add_option("--out", o->out, "Folder for the results");
  cmd->callback([o] { run(*o); });
}

}  // namespace gradus::tools
