// What a lesson of the lecture has left, and the page that shows all of them.
#pragma once

#include <algorithm>
#include <span>
#include <string>
#include <vector>

#include "gradus/docs/examples/lecture/lesson.h"

namespace gradus::tools {

struct CheckResult {
  std::string claim;
  std::string numbers;
  bool holds;
};

struct LessonResult {
  struct Picture {
    std::string name;
    std::string caption;
  };
  std::string name, title, claim;
  std::vector<CheckResult> checks;
  std::vector<Picture> pictures;  // NAME/PICTURE.svg beside the page

  bool holds() const {
    return std::ranges::all_of(checks, [](const CheckResult& c) { return c.holds; });
  }
};

// One HTML page, without anything from the network.
std::string lecture_page(std::span<const LessonResult> results);

// Draws NAME.svg and NAME.png in the folder. Returns an empty string, or why there is no picture.
std::string draw_picture(const lecture::Picture& picture, std::span<const lecture::Table> tables,
                         const std::string& folder);

}  // namespace gradus::tools
