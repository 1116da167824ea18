// The folder for the results of a run, made before the run starts, so that one that cannot be written to is
// found out at once.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace gradus::tools {

// Takes back what it has made of the path, where that stays empty.
class ResultFolder {
 public:
  // Errors: UsageError where one of the files could not be written there; none is touched.
  ResultFolder(const std::string& path, std::span<const char* const> files);
  ~ResultFolder();
  ResultFolder(const ResultFolder&) = delete;
  ResultFolder& operator=(const ResultFolder&) = delete;

 private:
  void take_back() const;

  std::vector<std::filesystem::path> made_;
};

}  // namespace gradus::tools
