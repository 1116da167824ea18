// Images as the codecs of this folder give and take them. Internal to data/.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace gradus::data {

// 8 bits a sample, row-major, the channels of a pixel side by side.
struct Pixels {
  std::int64_t height = 0;
  std::int64_t width = 0;
  std::int64_t channels = 1;  // 1 or 3
  std::vector<std::uint8_t> samples;
};

// Whether an image of this size may be made of `content`: `packed` is the least number of bytes of `content`
// that hold it. Errors: DataLoss (the content cannot be that large an image), ResourceExhausted (more than
// max_bytes, or a large image of more than a thousand times the size of the content). `offset` is where the
// sizes stand.
absl::Status check_pixels(const Pixels& size, std::uint64_t packed, std::string_view content,
                          std::string_view file, std::size_t offset, std::int64_t max_bytes);

// PNG (W3C: "Portable Network Graphics (PNG) Specification", 2003), by libpng: every colour type and depth,
// also interlaced; 16 bits are rounded to 8; transparency, gamma and colour profiles are left out.
absl::StatusOr<Pixels> decode_png(std::string_view content, std::string_view file, std::int64_t max_bytes);
absl::StatusOr<std::string> encode_png(const Pixels& pixels, std::string_view file);

// PGM and PPM (Netpbm: pages "pgm" and "ppm" of its formats): P2, P3, P5, P6, with any largest value up to
// 65535, which is scaled to 255 and rounded.
absl::StatusOr<Pixels> decode_pnm(std::string_view content, std::string_view file, std::int64_t max_bytes);
// P5 or P6.
std::string encode_pnm(const Pixels& pixels);

}  // namespace gradus::data
