#include "gradus/docs/examples/lecture/lesson.h"

#include <algorithm>

namespace gradus::lecture {

std::span<const Entry> lessons() {
  static const std::vector<Entry> kSorted = [] {
    std::vector<Entry> list(all_lessons().begin(), all_lessons().end());
    std::ranges::sort(list, {}, [](const Entry& e) { return e.lesson->number; });
    return list;
  }();
  return kSorted;
}

}  // namespace gradus::lecture
