// gradus eval fashion-mnist: scores saved weights on the test images.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <memory>

#include "gradus/data/fashion_mnist.h"
#include "gradus/tools/classifier.h"
#include "gradus/tools/command.h"
#include "gradus/tools/validators.h"

namespace gradus::tools {
namespace {

struct Options {
  std::string dataset;
  std::string data;
  std::string model;  // empty: the one that the weights are of
  std::string weights = std::string(kDefaultFolder) + "/weights.safetensors";
};

void run(const Options& o) {
  const std::unique_ptr<nn::UnaryModule> model = load_classifier(o.model, o.weights);
  const Split test = load_split(o.dataset, o.data, Part::test);
  const Score score = evaluate(*model, test);
  fmt::print("test loss {:.4f}  test accuracy {:.2f} % of {} images\n", score.loss, 100 * score.accuracy,
             test.labels.numel());
  for (std::size_t c = 0; c < 10; ++c)
    fmt::print("  {:<12} {:6.2f} %\n", data::kFashionMnistClasses[c], 100 * score.class_accuracy[c]);
}

}  // namespace

void add_eval(CLI::App& app) {
  CLI::App* cmd = app.add_subcommand("eval", "Score saved weights on the test images");
  auto o = std::make_shared<Options>();
  cmd->add_option("dataset", o->dataset, "fashion-mnist")
      ->required()
      ->check(one_of("data set", dataset_names()))
      ->type_name("");
  cmd->add_option("--data", o->data,
                  fmt::format("Folder of the data set's files; by default {}, where the package "
                              "dataset-fashion-mnist puts them",
                              data::kFashionMnistFolder))
      ->default_str("")
      ->type_name("DIR");
  cmd->add_option(
         "--model", o->model,
         fmt::format("{}; by default the one that the weights are of", fmt::join(classifier_names(), ", ")))
      ->check(one_of("model", classifier_names()))
      ->default_str("")
      ->type_name("NAME");
  cmd->add_option("--weights", o->weights, "The safetensors file that train wrote")->type_name("FILE");
  cmd->callback([o] { run(*o); });
}

}  // namespace gradus::tools
