// Images as files: PNG and Netpbm's PGM and PPM. Nothing in a file is trusted: its sizes are compared with
// its bytes before memory is taken. Errors are a Status that names the file and the byte.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "gradus/base/file.h"
#include "gradus/graph/tensor.h"

namespace gradus::data {

enum class ImageMode : std::uint8_t {
  as_is,  // one channel where the file is grey, otherwise three
  grey,   // one channel: 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601), rounded
  rgb,    // three channels; grey three times
};

struct ImageOptions {
  ImageMode mode = ImageMode::as_is;
  std::int64_t max_bytes = kMaxFileBytes;  // of the file, and of the pixels in it
};

// [C, H, W] u8, C 1 or 3, from PNG, PGM or PPM (P2, P3, P5, P6), whichever the content is. Samples of other
// depths are scaled to 0..255 and rounded; transparency, gamma and colour profiles are left out. Errors:
// NotFound and what else reading gives; DataLoss for content that is no whole image; ResourceExhausted for
// more than max_bytes, and for an image of more than 64 MiB that is more than 1,000 times as large as its
// file.
absl::StatusOr<Tensor> read_image(const std::string& path, const ImageOptions& options = {});
// The same from memory; `name` stands in the messages.
absl::StatusOr<Tensor> parse_image(std::string_view content, std::string_view name,
                                   const ImageOptions& options = {});

// Writes a u8 tensor [H, W] or [C, H, W] with C 1 or 3. The ending of the path is the format: .png, .pgm (one
// channel), .ppm (three) or .pnm. The file appears whole or not at all. Errors: InvalidArgument for another
// tensor or ending, and what writing gives.
absl::Status save_image(const std::string& path, const Tensor& image);

struct ImageGridOptions {
  std::int64_t columns = 8;  // at most; fewer images make fewer
  std::int64_t padding = 2;  // pixels around and between the images
  double pad_value = 0;
};
// Images [N, C, H, W] of any dtype, row by row, as one: [C, rows (H + padding) + padding, columns (W +
// padding)
// + padding]. Errors: ShapeError for another rank, ValueError for no image, columns below 1 or a negative
// padding.
Tensor image_grid(const Tensor& images, const ImageGridOptions& options = {},
                  Location where = Location::current());

}  // namespace gradus::data
