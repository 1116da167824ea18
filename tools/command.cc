#include "gradus/tools/command.h"

#include <fmt/format.h>

#include <algorithm>

#include "gradus/base/file.h"

namespace gradus::tools {
namespace {

// Letters to insert, drop, replace, or swap with their neighbour ("optimal string alignment").
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1);
  std::vector<std::size_t> above(b.size() + 1);
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::swap(before, above);
    std::swap(above, row);
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min(
          {above[j] + 1, row[j - 1] + 1, above[j - 1] + (a[i - 1] == b[j - 1] ? std::size_t{0} : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = std::min(row[j], before[j - 2] + 1);
    }
  }
  return row[b.size()];
}

}  // namespace

std::string unknown_name(std::string_view what, std::string_view name, const std::vector<std::string>& known,
                         std::string_view otherwise) {
  std::vector<std::pair<std::size_t, std::string>> near;
  for (const std::string& k : known) {
    // A part of a name is near it too: "entropy" for cross_entropy.
    const bool part = name.size() >= 3 && k.find(name) != std::string::npos;
    const std::size_t distance = part ? 1 : edit_distance(name, k);
    if (distance <= 1 + name.size() / 5 && 2 * distance < std::max(name.size(), k.size()))
      near.emplace_back(distance, k);
  }
  std::stable_sort(near.begin(), near.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  if (near.size() > 3) near.resize(3);
  std::vector<std::string> names;
  names.reserve(near.size());
  for (auto& n : near) names.push_back(std::move(n.second));
  if (!names.empty())
    return fmt::format("unknown {} '{}'; did you mean {}?", what, name, fmt::join(names, " or "));
  if (!otherwise.empty()) return fmt::format("unknown {} '{}'; {}", what, name, otherwise);
  return fmt::format("unknown {} '{}'; known: {}", what, name, fmt::join(known, ", "));
}

void prepare_folder(const std::string& path, std::span<const char* const> files) {
  if (path.empty()) throw UsageError("the folder for the results has an empty name");
  if (const absl::Status s = make_folder(path); !s.ok()) throw UsageError(std::string(s.message()));
  // Rights, quotas, read-only file systems, a folder of the file's name: only trying tells. Each trial goes
  // with its handle.
  for (const char* file : files) {
    if (auto trial = AtomicFile::create(fmt::format("{}/{}", path, file)); !trial.ok()) {
      throw UsageError(std::string(trial.status().message()));
    }
  }
}

void save_text(const std::string& path, std::string_view text) {
  if (const absl::Status s = write_file(path, text); !s.ok()) throw UsageError(std::string(s.message()));
}

}  // namespace gradus::tools
