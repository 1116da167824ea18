#include "gradus/base/mapped_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace gradus {

absl::StatusOr<MappedFile> MappedFile::open(const std::string& path) {
  const auto system_error = [&](int error) {
    return absl::ErrnoToStatus(error, fmt::format("cannot map {}", path));
  };
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // a pipe must not make us wait
  if (fd < 0) return system_error(errno);
  struct stat info {};
  const int failed = ::fstat(fd, &info) == 0 ? 0 : errno;
  if (failed != 0 || !S_ISREG(info.st_mode)) {
    ::close(fd);
    if (failed != 0) return system_error(failed);
    return absl::FailedPreconditionError(fmt::format("cannot map {}: it is no regular file", path));
  }
  const auto size = static_cast<std::size_t>(info.st_size);
  if (size == 0) {  // which the system refuses to map
    ::close(fd);
    return MappedFile(nullptr, 0);
  }
  // No memory is set aside for pages that may never be written.
  void* data = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, fd, 0);
  const int error = errno;
  ::close(fd);
  if (data == MAP_FAILED) return system_error(error);
  return MappedFile(static_cast<char*>(data), size);
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(data_, size_);
}

}  // namespace gradus
