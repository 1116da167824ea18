// One training of the lesson `optimizers`: a small network on images of Fashion-MNIST, by any of the methods.
#pragma once

#include "gradus/docs/examples/lecture/image_batches.h"
#include "gradus/docs/examples/lecture/optimizers_methods.h"

namespace gradus::lecture {

// The parts of Fashion-MNIST that the lesson works with. Errors: ValueError for options that ask for more
// images than there are, and where the data set is missing.
struct ImageParts {
  Images train, validation, test;
};
ImageParts load_parts(const Lab& lab);

struct Score {
  double loss;  // mean cross entropy, at most kLost
  double accuracy;
};
// What counts as the loss of a training that has diverged. To guess alike costs ln 10 = 2.3.
inline constexpr double kLost = 10;

struct NetworkTraining {
  const Images* images;
  std::int64_t steps, batch;
  std::uint64_t seed;                       // of the first weights and of the order of the images
  const Images* scored;                     // on what the scores are measured
  std::vector<std::int64_t> score_at = {};  // after so many steps, in rising order
};
// The scores asked for. Trainings of one seed start at the same weights and see the same batches, whatever
// the method is.
std::vector<Score> train_network(const NetworkTraining& t, const Method& method, Setting setting);

// A part of the lesson: each method tuned by the same search.
void optimizers_tuned(Lab& lab, const ImageParts& parts);

}  // namespace gradus::lecture
