// Logistic regression on Fashion-MNIST: `gradus train logistic-regression`. One linear map, cross entropy and
// Adam: what any model must beat. Ten epochs reach 84.8 % of the test images.
#include "gradus/docs/examples/zoo/classifier_training.h"

namespace gradus::zoo {
namespace {

Figures train(Run& run) {
  LogisticRegression model;
  optim::AdamW optimizer(decayed_weights<optim::AdamWGroup>(model, run.number("weight-decay")));
  return train_classifier(run, model, optimizer);
}

constexpr auto kOptions = classifier_options(
    {.epochs = 10, .batch_size = 64, .lr = 3e-3, .weight_decay = 0, .shift = 0, .flip = 0});
constexpr std::pair<const char*, double> kSmall[] = {
    {"epochs", 2}, {"batch-size", 20}, {"images", 2000}, {"test-images", 1000}};
constexpr Bound kBounds[] = {{"test accuracy", 0.72, 1.0}};

}  // namespace

extern const Example logistic_regression = {
    .title = "A linear map learns ten kinds of clothes",
    .data = "dataset-fashion-mnist",
    .options = kOptions,
    .small = kSmall,
    .bounds = kBounds,
    .train = train,
    .step = classifier_step<LogisticRegression>,
};

}  // namespace gradus::zoo
