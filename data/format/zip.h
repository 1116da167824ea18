// Zip archives in memory, by libzip: what .npz and PyTorch's files are. Nothing that an archive says of its
// own sizes is believed before it is compared with the bytes that are there. Internal to data/format.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "gradus/base/file.h"

namespace gradus::data {

// Deflate makes long runs of one byte 1,030 times smaller; hardly any tensor is one.
inline constexpr std::int64_t kMaxUnpackRatio = 1000;

struct ZipEntry {
  std::string name;
  std::int64_t bytes = 0;  // unpacked
};

class ZipReader {
 public:
  // `content` outlives the reader; `file` stands in the messages. Errors: DataLoss (no archive, cut off,
  // damaged, entries that overlap), ResourceExhausted (it would unpack to more than max_bytes, or to more
  // than kMaxUnpackRatio times its size), Unimplemented (encrypted, or compressed otherwise than by deflate).
  static absl::StatusOr<ZipReader> open(std::string_view content, std::string_view file,
                                        std::int64_t max_bytes = kMaxFileBytes);
  ZipReader(ZipReader&&) noexcept;
  ZipReader& operator=(ZipReader&&) noexcept;
  ~ZipReader();

  const std::vector<ZipEntry>& entries() const { return entries_; }
  // The number of the entry of this name, or -1.
  int find(const std::string& name) const;
  // Errors: DataLoss (damaged, a wrong checksum).
  absl::StatusOr<std::string> read(int entry) const;

 private:
  struct Archive;
  ZipReader();

  std::string file_;
  std::vector<ZipEntry> entries_;
  std::unordered_map<std::string, int> by_name_;
  std::unique_ptr<Archive> archive_;
};

struct ZipContent {
  std::string name;
  std::string bytes;
};

// An archive of these entries, in this order, stored without compression; the same entries give the same
// bytes.
absl::StatusOr<std::string> write_zip(const std::vector<ZipContent>& entries, std::string_view file);

}  // namespace gradus::data
