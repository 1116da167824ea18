// Nine ways to make a step of a gradient: SGD, momentum, Nesterov, Adagrad, RMSprop, Adam, AdamW, Lion and
// Muon, as gradus::optim has them. How long their steps are (optimizers_steps.cc) and what each
// hyper-parameter does (optimizers_knobs.cc) follows from their formulas; how they move on surfaces over the
// plane (optimizers_paths.cc) and which one trains a network fastest, each tuned by the same search
// (optimizers_tuned.cc), is measured.
#include "gradus/docs/examples/lecture/optimizers_training.h"

namespace gradus::lecture {
namespace {

void run(Lab& lab) {
  const ImageParts parts = load_parts(lab);  // first, so that what is wrong is said at once
  optimizers_steps(lab);
  optimizers_knobs(lab);
  optimizers_paths(lab);
  optimizers_tuned(lab, parts);
}

constexpr zoo::Option kOptions[] = {
    {"images", "Images to train on", 20000, 500, 59000, true},
    {"held-out", "Images of the validation, and of the test", 5000, 100, 10000, true},
    {"batch-size", "Images a step", 500, 10, 30000, true},
    {"steps", "Steps of each training", 300, 40, 100000, true},
    {"trials", "Settings tried for each optimizer", 16, 4, 1000, true},
    {"seeds", "Trainings of each at its best setting", 5, 2, 100, true},
    {"path-steps", "Steps on the surfaces", 200, 40, 10000, true},
    {"path-rates", "Learning rates tried on the surfaces", 31, 5, 1000, true},
    {"constant-steps", "Steps under a constant gradient", 1000, 300, 100000, true},
    {"momentum-steps", "Steps in the bowl, for the picture of momentum", 200, 20, 10000, true},
};
constexpr std::pair<const char*, double> kQuick[] = {
    {"images", 2000}, {"held-out", 1000},  {"batch-size", 125}, {"steps", 60},           {"trials", 6},
    {"seeds", 2},     {"path-steps", 100}, {"path-rates", 12},  {"constant-steps", 400},
};

}  // namespace

extern const Lesson optimizers = {
    .number = 8,
    .title = "Optimizers",
    .claim =
        "SGD and momentum follow the size of the gradient, the others undo it and step by the learning rate; "
        "momentum makes a long valley short.",
    .data = "dataset-fashion-mnist",
    .options = kOptions,
    .quick = kQuick,
    .run = run,
};

}  // namespace gradus::lecture
