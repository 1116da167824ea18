#include "gradus/tools/result_folder.h"

#include "gradus/tools/command.h"

namespace gradus::tools {

ResultFolder::ResultFolder(const std::string& path, std::span<const char* const> files) {
  std::error_code ignored;
  for (std::filesystem::path p = path; !p.empty() && !std::filesystem::exists(p, ignored);
       p = p.parent_path()) {
    made_.push_back(p);
  }
  try {
    prepare_folder(path, files);
  } catch (...) {
    take_back();
    throw;
  }
}

ResultFolder::~ResultFolder() { take_back(); }

// Deepest first; the system refuses to remove a folder that holds something.
void ResultFolder::take_back() const {
  std::error_code ignored;
  for (const std::filesystem::path& p : made_) std::filesystem::remove(p, ignored);
}

}  // namespace gradus::tools
