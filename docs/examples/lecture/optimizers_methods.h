// What the files of the lesson `optimizers` share: the nine optimizers, each with what is searched for it,
// and the lesson's parts.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "gradus/docs/examples/lecture/lesson.h"

namespace gradus::lecture {

// The parameters of a model. Muon steps the matrices of hidden layers; `others` (biases and the last layer)
// go by AdamW there. For every other optimizer they are the same.
struct Parameters {
  std::vector<Tensor> matrices;
  std::vector<Tensor> others = {};
};

struct Setting {
  double lr;
  double second;      // the method's second hyper-parameter
  double eps = 1e-8;  // of Adagrad, RMSprop, Adam and AdamW
};

// The interval of a search on a logarithmic scale.
struct Interval {
  double least, most;
  double at(double u) const;  // 0 is `least`, 1 is `most`
};

struct Method {
  const char* name;
  const char* second;  // what its second hyper-parameter is; "" where it has none
  Interval lr, seconds;
  double usual;  // of the second
  std::unique_ptr<optim::Optimizer> (*make)(const Parameters& p, Setting s);
};

// In the order of the lecture: SGD, momentum, Nesterov, Adagrad, RMSprop, Adam, AdamW, Lion, Muon.
enum Place : std::size_t { kSgd, kMomentum, kNesterov, kAdagrad, kRmsprop, kAdam, kAdamW, kLion, kMuon };
std::span<const Method> methods();

// Gnuplot's word lists of the names, and of a line for each method.
extern const char* const kMethodWords;

// The largest of |a - b| / |b|.
double largest_relative_difference(std::span<const double> a, std::span<const double> b);

// The parts of the lesson, a file each.
void optimizers_steps(Lab& lab);  // how long a step is
void optimizers_knobs(Lab& lab);  // what each hyper-parameter does
void optimizers_paths(Lab& lab);  // paths on surfaces over the plane

}  // namespace gradus::lecture
