// How the four classifiers of classifiers.h learn Fashion-MNIST: cross entropy, one cycle of the learning
// rate (Smith, Topin: "Super-convergence", 2018), on images that may be shifted and mirrored at random.
#pragma once

#include <array>

#include "gradus/docs/examples/zoo/classifiers.h"
#include "gradus/docs/examples/zoo/zoo.h"

namespace gradus::zoo {

struct ClassifierDefaults {
  double epochs, batch_size, lr, weight_decay, shift, flip;
};
constexpr std::array<Option, 8> classifier_options(const ClassifierDefaults& d) {
  return {{{"epochs", "Passes over the training images", d.epochs, 1, 1e6, true},
           {"batch-size", "Images a step", d.batch_size, 2, 60000, true},
           {"lr", "The highest learning rate", d.lr, 0, 1e3},
           {"weight-decay", "Of weights; biases and norms have none", d.weight_decay, 0, 1e3},
           {"shift", "Training images move by up to this many pixels each way", d.shift, 0, 27, true},
           {"flip", "1: half of the training images are mirrored", d.flip, 0, 1, true},
           {"images", "Training images", 60000, 1, 60000, true},
           {"test-images", "Test images", 10000, 1, 10000, true}}};
}

// The parameters in two groups, of which only matrices and kernels have weight decay: to shrink a bias or the
// scale of a norm only shifts what the next layer sees.
template <class Group>
std::vector<Group> decayed_weights(const nn::Module& model, double weight_decay) {
  Group decayed{.weight_decay = weight_decay}, others{.weight_decay = 0.0};
  for (const Tensor& p : model.parameters()) (p.rank() > 1 ? decayed : others).params.push_back(p);
  return {std::move(decayed), std::move(others)};
}

// Trains and returns "train loss" (in nats), "test loss" and "test accuracy" of the last epoch. Errors:
// ValueError.
Figures train_classifier(Run& run, nn::UnaryModule& model, optim::Optimizer& optimizer);

// The scores and the loss of a new Model on made-up images.
template <class Model>
Step classifier_step(const Values&, std::int64_t batch) {
  const Tensor images = uniform({batch, 784}).name("images");
  const Tensor labels = randint(0, 10, {batch}).name("labels");
  const Model model;
  model.named_parameters();  // a parameter gets its name when it is asked for it
  const Tensor logits = model(images).name("logits");
  return {{{"images", images}}, logits, cross_entropy(logits, labels).name("loss")};
}

}  // namespace gradus::zoo
