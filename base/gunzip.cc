// Decompression of gzip with errors that say what is wrong with the data. zlib's gzFile would do the reading
// too, but returns a cut-off stream without saying so, and passes through what is not gzip at all.
#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <limits>

#include "gradus/base/file.h"

namespace gradus {
namespace {

constexpr int kGzipOnly = 16 + MAX_WBITS;  // zlib.h, inflateInit2

struct Inflater {
  z_stream stream{};
  bool ok;
  Inflater() : ok(inflateInit2(&stream, kGzipOnly) == Z_OK) {}
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;
  ~Inflater() {
    if (ok) inflateEnd(&stream);
  }
};

}  // namespace

absl::StatusOr<std::string> gunzip(std::string_view data, std::int64_t max_bytes, std::string_view name) {
  Inflater inflater;
  z_stream& z = inflater.stream;
  if (!inflater.ok) return absl::ResourceExhaustedError(fmt::format("{}: no memory to decompress", name));

  const std::size_t limit = static_cast<std::size_t>(std::max<std::int64_t>(max_bytes, 0));
  std::string out;
  std::size_t used = 0;    // bytes of out
  std::size_t offset = 0;  // bytes of data that zlib has taken
  for (;;) {
    // One byte of room beyond the limit tells "exactly at the limit" from "more".
    if (used == out.size()) {
      if (used > limit) {
        return absl::ResourceExhaustedError(
            fmt::format("{}: decompressed it has more than the {} bytes allowed", name, max_bytes));
      }
      out.resize(std::min(limit + 1, std::max<std::size_t>({2 * used, 4 * data.size(), 4096})));
    }
    constexpr std::size_t kMost = std::numeric_limits<uInt>::max();
    const std::size_t give = std::min(kMost, data.size() - offset);
    const std::size_t room = std::min(kMost, out.size() - used);
    // zlib does not write through next_in; the pointer lacks const for old compilers' sake.
    z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(data.data() + offset));
    z.avail_in = static_cast<uInt>(give);
    z.next_out = reinterpret_cast<Bytef*>(out.data() + used);
    z.avail_out = static_cast<uInt>(room);
    const int result = inflate(&z, Z_NO_FLUSH);
    offset += give - z.avail_in;
    used += room - z.avail_out;

    if (result == Z_STREAM_END) {
      if (offset == data.size()) break;
      if (!data.substr(offset).starts_with("\x1f\x8b")) {
        return absl::DataLossError(
            fmt::format("{}: after the gzip data, at byte {}, {} bytes follow that are none", name, offset,
                        data.size() - offset));
      }
      inflateReset(&z);
    } else if (result == Z_MEM_ERROR) {
      return absl::ResourceExhaustedError(fmt::format("{}: no memory to decompress", name));
    } else if (result != Z_OK && result != Z_BUF_ERROR) {
      return absl::DataLossError(fmt::format("{}: corrupt gzip data near byte {}: {}", name, offset,
                                             z.msg != nullptr ? z.msg : "needs a dictionary"));
    } else if (offset == data.size() && z.avail_out != 0) {
      return absl::DataLossError(fmt::format("{}: the gzip data is cut off after {} bytes ({} decompressed)",
                                             name, data.size(), used));
    }
  }
  if (used > limit) {
    return absl::ResourceExhaustedError(
        fmt::format("{}: decompressed it has more than the {} bytes allowed", name, max_bytes));
  }
  out.resize(used);
  return out;
}

}  // namespace gradus
