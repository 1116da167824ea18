// The pictures of a lesson, drawn by gnuplot.
#pragma once

#include <span>
#include <string>

#include "gradus/docs/examples/lecture/lesson.h"

namespace gradus::tools {

// Height of the slider under a picture that moves, in pixels.
constexpr int kSliderHeight = 48;

// Draws NAME.svg and NAME.png in the folder, and NAME.html of a picture that moves. Returns an empty string,
// or why there is no picture.
std::string draw_picture(const lecture::Picture& picture, std::span<const lecture::Table> tables,
                         const std::string& folder);

}  // namespace gradus::tools
