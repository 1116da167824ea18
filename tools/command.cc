#include "gradus/tools/command.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "gradus/base/file.h"

namespace gradus::tools {
namespace {

// Levenshtein's distance: how many letters to insert, drop or replace.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replace = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replace});
    }
  }
  return row[b.size()];
}

}  // namespace

std::string unknown_name(std::string_view what, std::string_view name,
                         const std::vector<std::string>& known) {
  std::vector<std::string> near;
  for (const std::string& k : known) {
    if (edit_distance(name, k) <= 1 + name.size() / 4) near.push_back(k);
  }
  if (!near.empty())
    return fmt::format("unknown {} '{}'; did you mean {}?", what, name, fmt::join(near, " or "));
  return fmt::format("unknown {} '{}'; known are {}", what, name, fmt::join(known, ", "));
}

void prepare_folder(const std::string& path) {
  if (const absl::Status s = make_folder(path); !s.ok()) throw UsageError(std::string(s.message()));
  if (access(path.c_str(), W_OK | X_OK) != 0)
    throw UsageError(fmt::format("{}: the folder cannot be written to", path));
}

void save_text(const std::string& path, std::string_view text) {
  if (const absl::Status s = write_file(path, text); !s.ok()) throw UsageError(std::string(s.message()));
}

}  // namespace gradus::tools
