// What a lesson of the lecture has left, and the page that shows all of them.
#pragma once

#include <algorithm>
#include <span>
#include <string>
#include <vector>

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
    bool moves = false;         // NAME/PICTURE.html is there too
    int width = 0, height = 0;  // of that
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

}  // namespace gradus::tools
