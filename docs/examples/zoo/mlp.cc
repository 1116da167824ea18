// A perceptron of three layers, 784-256-128-10 with relu, on Fashion-MNIST: `gradus train mlp`. AdamW and one
// cycle of the learning rate. Ten epochs reach 89.5 % of the test images.
#include "gradus/docs/examples/zoo/classifier_training.h"

namespace gradus::zoo {
namespace {

Figures train(Run& run) {
  Mlp model;
  optim::AdamW optimizer(decayed_weights<optim::AdamWGroup>(model, run.number("weight-decay")));
  return train_classifier(run, model, optimizer);
}

constexpr auto kOptions = classifier_options(
    {.epochs = 10, .batch_size = 64, .lr = 2e-3, .weight_decay = 0.01, .shift = 0, .flip = 0});
constexpr std::pair<const char*, double> kSmall[] = {
    {"epochs", 2}, {"batch-size", 20}, {"images", 2000}, {"test-images", 1000}};
constexpr Bound kBounds[] = {{"test accuracy", 0.72, 1.0}};

}  // namespace

extern const Example mlp = {
    .title = "A perceptron of three layers learns ten kinds of clothes",
    .data = "dataset-fashion-mnist",
    .options = kOptions,
    .small = kSmall,
    .bounds = kBounds,
    .train = train,
    .step = classifier_step<Mlp>,
};

}  // namespace gradus::zoo
