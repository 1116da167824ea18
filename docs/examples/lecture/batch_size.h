// The parts of the lesson batch-size that stand in files of their own.
#pragma once

#include "gradus/docs/examples/lecture/lesson.h"

namespace gradus::lecture {

// batch_size_noise.cc: how far the gradient of a batch lies from that of all images.
void gradient_noise(Lab& lab);
// batch_size_slice.cc: descent over two coordinates, where it can be seen.
void paths_in_a_slice(Lab& lab);

}  // namespace gradus::lecture
