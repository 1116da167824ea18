// gradus train fashion-mnist: trains a classifier and leaves in --out its weights, the history as numbers and
// as a picture, and the graph that one training step recorded. All files but the checkpoint that --checkpoint
// asks for are written after the last epoch, so that a run that fails or is stopped leaves what was there
// before.
#include "gradus/tools/train.h"

#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <limits>
#include <memory>
#include <optional>

#include "gradus/base/parallel.h"
#include "gradus/data/fashion_mnist.h"
#include "gradus/data/format/safetensors.h"
#include "gradus/gradus.h"
#include "gradus/tools/classifier.h"
#include "gradus/tools/command.h"
#include "gradus/tools/interrupt.h"
#include "gradus/tools/models.h"
#include "gradus/tools/plot.h"
#include "gradus/tools/progress.h"
#include "gradus/tools/result_folder.h"
#include "gradus/tools/train_state.h"
#include "gradus/tools/validators.h"

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
  std::optional<double> momentum;
  std::optional<double> weight_decay;
  std::int64_t batch_size = 64;
  std::int64_t epochs = 10;
  std::int64_t seed = 0;
  int threads = 1;
  std::int64_t checkpoint = 0;  // steps between two; 0: none
  bool resume = false;
  std::string out = std::string(kDefaultFolder);

  double rate() const { return lr.value_or(optimizer == "sgd" ? 0.05 : 1e-3); }
  double decay() const { return weight_decay.value_or(optimizer == "adamw" ? 0.01 : 0.0); }
  std::string checkpoint_path() const { return out + "/checkpoint.safetensors"; }
  // What a run that goes on has in common with the one that was stopped.
  std::string fixed() const {
    return fmt::format(
        "{} --model {} --optimizer {} --lr {} --momentum {} --weight-decay {} --batch-size {} --seed {}",
        dataset, model, optimizer, rate(), momentum.value_or(0.0), decay(), batch_size, seed);
  }
};

// What only sgd has is refused for the others, not ignored.
void check_combination(const Options& o) {
  if (o.momentum.has_value() && o.optimizer != "sgd") {
    throw UsageError(fmt::format("--momentum is an option of --optimizer sgd; {} has none", o.optimizer));
  }
}

std::unique_ptr<optim::Optimizer> make_optimizer(const Options& o, const nn::Module& model) {
  const std::vector<Tensor> params = model.parameters();
  if (o.optimizer == "sgd") {
    return std::make_unique<optim::SGD>(
        params,
        optim::SGDOptions{.lr = o.rate(), .momentum = o.momentum.value_or(0.0), .weight_decay = o.decay()});
  }
  if (o.optimizer == "adam") {
    return std::make_unique<optim::Adam>(params,
                                         optim::AdamOptions{.lr = o.rate(), .weight_decay = o.decay()});
  }
  return std::make_unique<optim::AdamW>(params,
                                        optim::AdamWOptions{.lr = o.rate(), .weight_decay = o.decay()});
}

constexpr const char* kResults[] = {"weights.safetensors", "history.csv", "loss.svg", "graph.dot",
                                    "graph.svg"};

std::string history_csv(const std::vector<Epoch>& history) {
  std::string csv = "epoch,train_loss,test_loss,test_accuracy,seconds\n";
  for (const Epoch& e : history) {
    csv += fmt::format("{},{:.6f},{:.6f},{:.4f},{:.3f}\n", e.epoch, e.train_loss, e.test_loss,
                       e.test_accuracy, e.seconds);
  }
  return csv;
}

struct Run {
  const Options& options;
  Mlp model;
  std::unique_ptr<optim::Optimizer> optimizer = make_optimizer(options, model);
  TrainLoader loader;
  TrainState state = {};
  bool saved = false;

  void save() {
    save_train_state(options.checkpoint_path(), options.fixed(), model, *optimizer, loader, state);
    saved = true;
  }
};

// What is left of the pass over the training images.
void train_epoch(Run& run, const InterruptGuard& interrupt) {
  TrainState& state = run.state;
  const std::int64_t images_in_all = run.loader.dataset().size();
  if (state.seen == images_in_all) return;  // the checkpoint was written behind the last step
  const auto start = Clock::now();
  const double seconds_before = state.seconds;
  std::int64_t step = state.seen / run.options.batch_size;
  Progress progress(fmt::format("epoch {}/{}  ", state.history.size() + 1, run.options.epochs),
                    run.loader.size());
  for (auto&& [images, labels] : run.loader) {
    interrupt.check();
    const Tensor loss = cross_entropy(run.model(images), labels);
    run.optimizer->zero_grad();
    loss.backward();
    run.optimizer->step();
    const double value = loss.item();
    if (!std::isfinite(value)) {
      throw UsageError(
          fmt::format("the loss is {} at step {} of the epoch; try a smaller --lr", value, step + 1));
    }
    state.loss_sum += value * static_cast<double>(labels.numel());
    state.seen += labels.numel();
    state.seconds = seconds_before + seconds_since(start);
    progress.step(++step, value);
    if (run.options.checkpoint > 0 && step % run.options.checkpoint == 0) run.save();
  }
}

void write_results(const Options& o, const Mlp& model, const std::vector<Epoch>& history,
                   const Split& train) {
  if (const absl::Status s = data::save_safetensors(o.out + "/weights.safetensors", model.state_dict());
      !s.ok()) {
    throw UsageError(std::string(s.message()));
  }
  save_text(o.out + "/history.csv", history_csv(history));
  const Split batch = first_rows(train, o.batch_size);
  const Tensor images = batch.images.detach().name("images");
  const Tensor labels = batch.labels.detach().name("labels");
  const Tensor loss = cross_entropy(model(images).name("logits"), labels).name("loss");
  const std::string step = fmt::format("one training step of {} on {}", o.model, o.dataset);
  write_graph(loss, o.out + "/graph.dot", {.title = step}, Location{});
  write_graph(loss, o.out + "/graph.svg", {.title = step}, Location{});
  const std::string title =
      fmt::format("{}: {}, {}, lr {}, batch {}", o.dataset, o.model, o.optimizer, o.rate(), o.batch_size);
  const std::string no_plot = plot_history(history, title, o.out + "/loss.svg");
  if (!no_plot.empty()) {
    // Not the picture of an earlier run beside the numbers of this one.
    std::error_code ignored;
    std::filesystem::remove(o.out + "/loss.svg", ignored);
    fmt::print(stderr, "gradus train fashion-mnist: no loss.svg: {}; its numbers are in {}/history.csv\n",
               no_plot, o.out);
  }
  fmt::print("written to {}: weights.safetensors history.csv{} graph.dot graph.svg\n", o.out,
             no_plot.empty() ? " loss.svg" : "");
}

void train_epochs(Run& run, const Split& test, const InterruptGuard& interrupt) {
  TrainState& state = run.state;
  const std::int64_t epochs = run.options.epochs;
  while (static_cast<std::int64_t>(state.history.size()) < epochs) {
    train_epoch(run, interrupt);
    const Score score = evaluate(run.model, test);
    const Epoch e{static_cast<int>(state.history.size()) + 1,
                  state.loss_sum / static_cast<double>(state.seen), score.loss, score.accuracy,
                  state.seconds};
    state.history.push_back(e);
    state.loss_sum = 0.0, state.seen = 0, state.seconds = 0.0;
    if (run.options.checkpoint > 0) run.save();
    fmt::print("epoch {:>{}}/{}  train loss {:.4f}  test loss {:.4f}  test accuracy {:.2f} %  {:.2f} s\n",
               e.epoch, fmt::formatted_size("{}", epochs), epochs, e.train_loss, e.test_loss,
               100 * e.test_accuracy, e.seconds);
    std::fflush(stdout);
  }
  interrupt.check();
}

void run(const Options& o) {
  check_combination(o);
  const InterruptGuard interrupt;
  const Split train = load_split(o.dataset, o.data, Part::train);
  const Split test = load_split(o.dataset, o.data, Part::test);
  interrupt.check();
  const ResultFolder folder(o.out, kResults);
  set_threads(o.threads);
  manual_seed(static_cast<std::uint64_t>(o.seed));

  Run run{.options = o,
          .model = {},
          .loader = TrainLoader(
              data::TensorDataset<2>({train.images, train.labels}),
              {.batch_size = o.batch_size, .shuffle = true, .seed = static_cast<std::uint64_t>(o.seed)})};
  fmt::print("{}: {} training images, {} test images; {}: {} parameters; results go to {}\n", o.dataset,
             train.labels.numel(), test.labels.numel(), o.model, run.model.parameter_count(), o.out);
  if (o.resume) {
    run.state = load_train_state(o.checkpoint_path(), o.fixed(), run.model, *run.optimizer, run.loader);
    fmt::print("goes on behind {} epochs and {} images\n", run.state.history.size(), run.state.seen);
  }
  std::fflush(stdout);

  try {
    train_epochs(run, test, interrupt);
  } catch (const Interrupted&) {
    if (!run.saved) throw;
    throw Interrupted(fmt::format("--resume goes on from {}", o.checkpoint_path()));
  }
  write_results(o, run.model, run.state.history, train);
}

}  // namespace

void add_train_classifier(CLI::App& train) {
  CLI::App* cmd = train.add_subcommand("fashion-mnist",
                                       "Train a classifier of images and draw what its training recorded");
  auto o = std::make_shared<Options>();
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  o->dataset = cmd->get_name();
  cmd->add_option("--data", o->data,
                  fmt::format("Folder of the data set's files; by default {}, where the package "
                              "dataset-fashion-mnist puts them",
                              data::kFashionMnistFolder))
      ->default_str("")
      ->type_name("DIR");
  cmd->add_option("--model", o->model, "mlp: 784-256-128-10 with relu")
      ->check(one_of("model", classifier_names()))
      ->type_name("NAME");
  cmd->add_option("--optimizer", o->optimizer, "sgd, adam or adamw")
      ->check(one_of("optimizer", {"sgd", "adam", "adamw"}))
      ->type_name("NAME");
  cmd->add_option("--lr", o->lr, "Learning rate; by default 0.05 for sgd, 0.001 for adam and adamw")
      ->check(number(0, Least::excluded, kInfinity))
      ->default_str("")
      ->type_name("X");
  cmd->add_option("--momentum", o->momentum, "Momentum, sgd only; by default 0")
      ->check(number(0, Least::included, 1))
      ->default_str("")
      ->type_name("X");
  cmd->add_option("--weight-decay", o->weight_decay,
                  "Weight decay; by default 0, for adamw (which keeps it out of the gradient) 0.01")
      ->check(number(0, Least::included, kInfinity))
      ->default_str("")
      ->type_name("X");
  cmd->add_option("--batch-size", o->batch_size, "Images a step")->check(whole_number(1))->type_name("N");
  cmd->add_option("--epochs", o->epochs, "Passes over the training images")
      ->check(whole_number(1, 1'000'000))
      ->type_name("N");
  cmd->add_option("--seed", o->seed, "Seed of the initial weights and of the order of the images")
      ->check(whole_number(0))
      ->type_name("N");
  cmd->add_option("--threads", o->threads,
                  "Threads that compute; another number rounds matrix products in another way")
      ->check(whole_number(1, 1024))
      ->type_name("N");
  cmd->add_option(
         "--checkpoint", o->checkpoint,
         "Write the whole state of the run to checkpoint.safetensors in --out every N steps of an epoch and "
         "after each epoch")
      ->check(whole_number(1))
      ->default_str("")
      ->type_name("N");
  cmd->add_flag("--resume", o->resume,
                "Go on from the checkpoint in --out; other options than --epochs must be the same");
  cmd->add_option("--out", o->out, "Folder for the results; those of an earlier run there are replaced")
      ->type_name("DIR");
  cmd->callback([o] { run(*o); });
}

void add_train(CLI::App& app) {
  CLI::App* cmd = app.add_subcommand("train", "Train a classifier, or an example of the model zoo");
  cmd->require_subcommand(1);
  add_train_classifier(*cmd);
  add_train_examples(*cmd);
}

}  // namespace gradus::tools
