// POSIX files behind absl::Status. Knows nothing of formats; gzip is in gunzip.cc.
#include "gradus/base/file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>
#include <utility>

namespace gradus {
namespace {

absl::Status system_error(int error, std::string_view what, const std::string& path) {
  return absl::ErrnoToStatus(error, fmt::format("cannot {} {}", what, path));
}

// Closes a descriptor on every way out.
struct Descriptor {
  int fd;
  explicit Descriptor(int f) : fd(f) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
};

absl::Status write_all(int fd, std::string_view data, const std::string& path) {
  while (!data.empty()) {
    const ssize_t n = ::write(fd, data.data(), data.size());
    if (n < 0) {
      if (errno == EINTR) continue;
      return system_error(errno, "write", path);
    }
    data.remove_prefix(static_cast<std::size_t>(n));
  }
  return absl::OkStatus();
}

std::string parent_of(const std::string& path) {
  const std::string parent = std::filesystem::path(path).parent_path().string();
  return parent.empty() ? "." : parent;
}

}  // namespace

absl::StatusOr<std::string> read_file(const std::string& path, std::int64_t max_bytes) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.fd < 0) return system_error(errno, "open", path);
  struct stat info {};
  if (::fstat(file.fd, &info) != 0) return system_error(errno, "read", path);
  if (S_ISDIR(info.st_mode))
    return absl::FailedPreconditionError(fmt::format("cannot read {}: it is a folder", path));
  const auto too_large = [&] {
    return absl::ResourceExhaustedError(
        fmt::format("{} has more than the {} bytes allowed", path, max_bytes));
  };
  if (info.st_size > max_bytes) return too_large();

  // The size is a first guess only: a pipe has none, and a file may grow meanwhile.
  std::string content;
  std::size_t used = 0;
  content.resize(static_cast<std::size_t>(std::max<std::int64_t>(info.st_size, 0)) + 1);
  for (;;) {
    if (used == content.size()) content.resize(std::max<std::size_t>(2 * used, 4096));
    const ssize_t n = ::read(file.fd, content.data() + used, content.size() - used);
    if (n < 0) {
      if (errno == EINTR) continue;
      return system_error(errno, "read", path);
    }
    if (n == 0) break;
    used += static_cast<std::size_t>(n);
    if (static_cast<std::int64_t>(used) > max_bytes) return too_large();
  }
  content.resize(used);
  return content;
}

absl::StatusOr<std::string> read_file_maybe_gzip(const std::string& path, std::int64_t max_bytes) {
  absl::StatusOr<std::string> content = read_file(path, max_bytes);
  if (!content.ok() || !std::string_view(*content).starts_with("\x1f\x8b")) return content;
  return gunzip(*content, max_bytes, path);
}

absl::Status make_folder(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) return system_error(error.value(), "make the folder", path);
  if (!std::filesystem::is_directory(path, error)) {
    return absl::AlreadyExistsError(
        fmt::format("cannot make the folder {}: a file of that name exists", path));
  }
  return absl::OkStatus();
}

absl::StatusOr<AtomicFile> AtomicFile::create(const std::string& path) {
  if (path.empty()) return absl::InvalidArgumentError("cannot create a file: its path is empty");
  struct stat info {};
  const bool exists = ::stat(path.c_str(), &info) == 0;
  if (exists && !S_ISREG(info.st_mode)) {  // a rename would replace /dev/null, too
    return absl::FailedPreconditionError(fmt::format("cannot write {}: it is {}", path,
                                                     S_ISDIR(info.st_mode) ? "a folder" : "no regular file"));
  }
  AtomicFile file;
  file.path_ = path;
  // Beside, since a rename works within one file system only. The ending stays last: other programs look at
  // it.
  const std::filesystem::path full(path);
  static std::atomic<unsigned> counter{0};
  for (int tries = 0; tries < 1000; ++tries) {
    const std::string name =
        fmt::format(".{}.{}-{}{}", full.stem().string(), ::getpid(), counter++, full.extension().string());
    std::string beside = (full.parent_path() / name).string();
    file.fd_ = ::open(beside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (file.fd_ >= 0) {
      file.temporary_ = std::move(beside);
      break;
    }
    if (errno != EEXIST) break;
  }
  if (file.fd_ < 0) return system_error(errno, "write", path);
  // The result keeps the rights of what it replaces.
  if (exists && ::fchmod(file.fd_, info.st_mode & 0777) != 0) return system_error(errno, "write", path);
  return file;
}

AtomicFile::AtomicFile(AtomicFile&& other) noexcept
    : path_(std::move(other.path_)),
      temporary_(std::exchange(other.temporary_, {})),
      fd_(std::exchange(other.fd_, -1)) {}

AtomicFile& AtomicFile::operator=(AtomicFile&& other) noexcept {
  if (this != &other) {
    discard();
    path_ = std::move(other.path_);
    temporary_ = std::exchange(other.temporary_, {});
    fd_ = std::exchange(other.fd_, -1);
  }
  return *this;
}

AtomicFile::~AtomicFile() { discard(); }

void AtomicFile::discard() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
  temporary_.clear();
}

absl::Status AtomicFile::write(std::string_view data) {
  if (fd_ < 0) return absl::FailedPreconditionError(fmt::format("cannot write {}: it is closed", path_));
  return write_all(fd_, data, path_);
}

absl::Status AtomicFile::commit() {
  if (fd_ < 0) return absl::FailedPreconditionError(fmt::format("cannot write {}: it is closed", path_));
  absl::Status status;
  // Another program may have replaced the file at the temporary path; then ours is of no use, so open it
  // anew.
  const Descriptor current(::open(temporary_.c_str(), O_RDONLY | O_CLOEXEC));
  if (current.fd < 0 || ::fsync(current.fd) != 0) status = system_error(errno, "write", path_);
  if (::close(std::exchange(fd_, -1)) != 0 && status.ok()) status = system_error(errno, "write", path_);
  if (status.ok() && ::rename(temporary_.c_str(), path_.c_str()) != 0) {
    status = system_error(errno, "write", path_);
  }
  if (!status.ok()) {
    discard();
    return status;
  }
  temporary_.clear();
  // The name too must survive a power cut. Some file systems cannot do this for a folder; then it is not
  // needed.
  const Descriptor folder(::open(parent_of(path_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.fd >= 0) ::fsync(folder.fd);
  return absl::OkStatus();
}

absl::Status write_file(const std::string& path, std::string_view data) {
  absl::StatusOr<AtomicFile> file = AtomicFile::create(path);
  if (!file.ok()) return file.status();
  if (absl::Status status = file->write(data); !status.ok()) return status;
  return file->commit();
}

}  // namespace gradus
