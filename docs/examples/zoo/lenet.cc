// A convolutional network with two convolutions on Fashion-MNIST: `gradus train lenet`. AdamW and one cycle
// of the learning rate. Three epochs reach 89.8 % of the test images.
#include "gradus/docs/examples/zoo/classifier_training.h"

namespace gradus::zoo {
namespace {

Figures train(Run& run) {
  LeNet model;
  optim::AdamW optimizer(decayed_weights<optim::AdamWGroup>(model, run.number("weight-decay")));
  return train_classifier(run, model, optimizer);
}

constexpr auto kOptions = classifier_options(
    {.epochs = 3, .batch_size = 64, .lr = 3e-3, .weight_decay = 0.01, .shift = 0, .flip = 0});
constexpr std::pair<const char*, double> kSmall[] = {
    {"epochs", 1}, {"batch-size", 20}, {"images", 2000}, {"test-images", 500}};
constexpr Bound kBounds[] = {{"test accuracy", 0.65, 1.0}};

}  // namespace

extern const Example lenet = {
    .title = "Two convolutions and two linear maps learn ten kinds of clothes",
    .data = "dataset-fashion-mnist",
    .options = kOptions,
    .small = kSmall,
    .bounds = kBounds,
    .train = train,
    .step = classifier_step<LeNet>,
};

}  // namespace gradus::zoo
