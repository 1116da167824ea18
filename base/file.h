// Files, whole or not at all: reading into memory, plain or gzip, and writing beside and renaming. What a
// file holds is no programmer's error, so everything here returns a status that names the path and says what
// is wrong.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace gradus {

// More than this a reader does not take unless asked: a header that lies must not fill the memory.
inline constexpr std::int64_t kMaxFileBytes = std::int64_t{16} << 30;

// The content of a file. Errors: NotFound, PermissionDenied, ResourceExhausted (more than max_bytes), and
// what else the system says.
absl::StatusOr<std::string> read_file(const std::string& path, std::int64_t max_bytes = kMaxFileBytes);

// As read_file, and decompresses if the content starts as gzip does; max_bytes holds for the decompressed
// bytes. Errors besides: DataLoss (cut off, corrupt, a wrong checksum, or something else after the end).
absl::StatusOr<std::string> read_file_maybe_gzip(const std::string& path,
                                                 std::int64_t max_bytes = kMaxFileBytes);

// Decompresses gzip data (RFC 1952), one member or several in a row. `name` stands in the messages.
absl::StatusOr<std::string> gunzip(std::string_view data, std::int64_t max_bytes, std::string_view name);

// Makes a folder and its parents where they are missing.
absl::Status make_folder(const std::string& path);

// A file that appears under its name complete or not at all. It is written beside its place, under
// temporary_path() (another program may write that too), and moved there by commit(); without commit()
// nothing is left behind.
class AtomicFile {
 public:
  static absl::StatusOr<AtomicFile> create(const std::string& path);
  AtomicFile(AtomicFile&& other) noexcept;
  AtomicFile& operator=(AtomicFile&& other) noexcept;
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  ~AtomicFile();

  absl::Status write(std::string_view data);
  // Brings the bytes to the disk, then the name. After an error nothing is left behind either.
  absl::Status commit();
  const std::string& temporary_path() const { return temporary_; }

 private:
  AtomicFile() = default;
  void discard();

  std::string path_;
  std::string temporary_;
  int fd_ = -1;
};

// The whole of AtomicFile in one call. An existing file is replaced, and untouched on error.
absl::Status write_file(const std::string& path, std::string_view data);

}  // namespace gradus
