// MappedFile: the bytes of a file in the address space, read from the disk page by page where they are
// touched. They are private: what is written there is seen by nobody else and never reaches the file.
#pragma once

#include <absl/status/statusor.h>

#include <cstddef>
#include <string>
#include <utility>

namespace gradus {

// A file that another program replaces by a rename stays what it was here; one that it makes shorter ends
// this program (SIGBUS) where a page behind the new end is touched.
class MappedFile {
 public:
  // Errors: NotFound, PermissionDenied and what else the system says; FailedPrecondition for what is no
  // regular file.
  static absl::StatusOr<MappedFile> open(const std::string& path);
  MappedFile(MappedFile&& o) noexcept
      : data_(std::exchange(o.data_, nullptr)), size_(std::exchange(o.size_, 0)) {}
  MappedFile& operator=(MappedFile&& o) noexcept {
    std::swap(data_, o.data_);
    std::swap(size_, o.size_);
    return *this;
  }
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();

  char* data() const { return data_; }  // nullptr for an empty file
  std::size_t size() const { return size_; }

 private:
  MappedFile(char* data, std::size_t size) : data_(data), size_(size) {}

  char* data_;
  std::size_t size_;
};

}  // namespace gradus
