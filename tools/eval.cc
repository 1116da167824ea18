// gradus eval fashion-mnist: scores saved weights on the test images.
#include <fmt/format.h>

#include <memory>

#include "gradus/tools/classifier.h"
#include "gradus/tools/command.h"

namespace gradus::tools {
namespace {

struct Options {
  std::string dataset;
  std::string data;
  std::string model = "mlp";
  std::string weights = "out/train/weights.safetensors";
};

constexpr const char* kClasses[] = {"T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
                                    "Sandal",      "Shirt",   "Sneaker",  "Bag",   "Ankle boot"};

void run(const Options& o) {
  if (o.model != "mlp") throw UsageError(unknown_name("model", o.model, {"mlp"}));
  const Split test = load_split(o.dataset, o.data, Part::test);
  Mlp model;
  auto state = data::load_safetensors(o.weights);
  if (!state.ok()) throw UsageError(std::string(state.status().message()));
  model.load_state_dict(*state);
  const Score score = evaluate(model, test);
  fmt::print("test loss {:.4f}  test accuracy {:.2f} % of {} images\n", score.loss, 100 * score.accuracy,
             test.labels.numel());
  for (std::size_t c = 0; c < 10; ++c)
    fmt::print("  {:<12} {:6.2f} %\n", kClasses[c], 100 * score.class_accuracy[c]);
}

}  // namespace

void add_eval(CLI::App& app) {
  CLI::App* cmd = app.add_subcommand("eval", "Score saved weights on the test images");
  auto o = std::make_shared<Options>();
  cmd->add_option("dataset", o->dataset, "fashion-mnist")->required();
  cmd->add_option("--data", o->data,
                  "Folder of the data set's files; by default where Debian's package puts them")
      ->default_str("");
  cmd->add_option("--model", o->model, "mlp");
  cmd->add_option("--weights", o->weights, "The safetensors file that train wrote");
  cmd->callback([o] { run(*o); });
}

}  // namespace gradus::tools
