#include "gradus/data/format/onnx/external_data.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

namespace gradus::onnx {

namespace fs = std::filesystem;

absl::StatusOr<ExternalBytes> find_external(const std::string& folder, const std::string& location,
                                            std::uint64_t offset, std::uint64_t bytes) {
  const auto wrong = [&](std::string_view what) {
    return absl::DataLossError(fmt::format("external data \"{}\" {}", location, what));
  };
  if (folder.empty()) return wrong("is asked for, but a model from memory has no folder");
  const fs::path relative(location);
  if (location.empty() || location.find('\0') != std::string::npos || relative.is_absolute() ||
      std::find(relative.begin(), relative.end(), "..") != relative.end()) {
    return wrong("lies outside the model's folder");
  }
  std::error_code error;
  const fs::path root = fs::canonical(folder, error);
  if (error) return wrong(fmt::format("cannot be found: {}", error.message()));
  const fs::path path = fs::canonical(root / relative, error);
  if (error) return wrong(fmt::format("cannot be found: {}", error.message()));
  if (std::mismatch(root.begin(), root.end(), path.begin(), path.end()).first != root.end()) {
    return wrong("lies outside the model's folder");
  }
  if (!fs::is_regular_file(path, error) || error) return wrong("is no file");
  const std::uintmax_t size = fs::file_size(path, error);
  if (error) return wrong(fmt::format("cannot be read: {}", error.message()));
  if (offset > size || bytes > size - offset) {
    return wrong(fmt::format("has {} bytes; {} at offset {} are asked for", size, bytes, offset));
  }
  return ExternalBytes{path.string(), offset};
}

absl::Status read_external(const ExternalBytes& from, void* out, std::uint64_t bytes) {
  std::ifstream in(from.path, std::ios::binary);
  in.seekg(static_cast<std::streamoff>(from.offset));
  in.read(static_cast<char*>(out), static_cast<std::streamsize>(bytes));
  if (!in) return absl::DataLossError(fmt::format("external data \"{}\" cannot be read", from.path));
  return absl::OkStatus();
}

}  // namespace gradus::onnx
