// The part of the lesson `initialization` that needs a deep net: what the size of its first weights does to
// signals, gradients and training. With weights of variance v and relu a layer of n inputs multiplies the
// mean square of what passes through it by n v / 2: a sum of n products has the variance n v E[x^2], and relu
// keeps half of its mean square, for a score is as likely positive as negative. On the way back the factor is
// the same with the number of outputs.
#pragma once

#include <cstdint>

#include "gradus/docs/examples/lecture/image_batches.h"

namespace gradus::lecture {

// The norms of 20 layers, and their factors against n v / 2.
void signals(Lab& lab);

// The training of such nets, each from its start and at several rates; `done` of `total` before it.
void deep_curves(Lab& lab, std::int64_t done, std::int64_t total);
std::int64_t deep_trainings(const Lab& lab);  // that deep_curves() makes

}  // namespace gradus::lecture
