// The net of the lesson backpropagation that is drawn with all its numbers.
#pragma once

#include "gradus/docs/examples/lecture/lesson.h"

namespace gradus::lecture {

// Two inputs, two tanh units, one output and the squared error, in 17 frames: forward number by number, then
// backward. Leaves the tables nodes, weights and edges and the picture net.
void draw_net_with_numbers(Lab& lab);

}  // namespace gradus::lecture
