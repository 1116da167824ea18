#include "gradus/data/image.h"

#include <fmt/format.h>

#include <algorithm>

#include "gradus/base/format.h"
#include "gradus/data/format/pixels.h"
#include "gradus/data/format/zip.h"
#include "gradus/graph/describe.h"
#include "gradus/graph/recording.h"
#include "gradus/ops/creation.h"
#include "gradus/ops/view.h"

namespace gradus::data {
namespace {

constexpr std::string_view kPngSignature = "\x89PNG\r\n\x1a\n";
// An image of this size may be as small a file as it likes: a blank page is one.
constexpr std::uint64_t kHarmlessBytes = std::uint64_t{64} << 20;

std::uint8_t grey_of(const std::uint8_t* rgb) {
  return static_cast<std::uint8_t>((299 * rgb[0] + 587 * rgb[1] + 114 * rgb[2] + 500) / 1000);
}

// [C, H, W] of what lies as [H, W, C].
Tensor planes(const Pixels& p, ImageMode mode) {
  const bool grey = mode == ImageMode::grey || (mode == ImageMode::as_is && p.channels == 1);
  Tensor out = empty({grey ? 1 : 3, p.height, p.width}, DType::u8);
  auto* to = static_cast<std::uint8_t*>(out.impl()->data);
  const std::uint8_t* from = p.samples.data();
  const std::int64_t n = p.height * p.width;
  if (p.channels == 1) {
    for (int c = 0; c < (grey ? 1 : 3); ++c) std::copy(from, from + n, to + c * n);
  } else if (grey) {
    for (std::int64_t i = 0; i < n; ++i) to[i] = grey_of(from + 3 * i);
  } else {
    for (std::int64_t i = 0; i < n; ++i) {
      for (int c = 0; c < 3; ++c) to[c * n + i] = from[3 * i + c];
    }
  }
  return out;
}

std::string ending_of(const std::string& path) {
  const std::size_t dot = path.find_last_of("./");
  std::string ending = dot == std::string::npos || path[dot] == '/' ? "" : path.substr(dot);
  for (char& c : ending) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  return ending;
}

}  // namespace

absl::Status check_pixels(const Pixels& size, std::uint64_t packed, std::string_view content,
                          std::string_view file, std::size_t offset, std::int64_t max_bytes) {
  const auto text = [&](std::string_view what) {
    return fmt::format("{}: at byte {}: an image of {} x {} pixels in {} channels {}", file, offset,
                       size.width, size.height, size.channels, what);
  };
  if (packed > content.size()) {
    return absl::DataLossError(text(fmt::format("cannot be in a file of {} bytes", content.size())));
  }
  // Sides are below 2^31.
  const std::uint64_t bytes = static_cast<std::uint64_t>(size.width) *
                              static_cast<std::uint64_t>(size.height) *
                              static_cast<std::uint64_t>(size.channels);
  if (bytes > static_cast<std::uint64_t>(std::max<std::int64_t>(max_bytes, 0))) {
    return absl::ResourceExhaustedError(text(fmt::format("has more than the {} bytes allowed", max_bytes)));
  }
  if (bytes > kHarmlessBytes && bytes / kMaxUnpackRatio > content.size()) {
    return absl::ResourceExhaustedError(text(fmt::format(
        "has {} bytes, more than {} times the {} of the file", bytes, kMaxUnpackRatio, content.size())));
  }
  return absl::OkStatus();
}

absl::StatusOr<Tensor> parse_image(std::string_view content, std::string_view name,
                                   const ImageOptions& options) {
  absl::StatusOr<Pixels> pixels;
  if (content.starts_with(kPngSignature)) {
    pixels = decode_png(content, name, options.max_bytes);
  } else if (content.starts_with('P')) {
    pixels = decode_pnm(content, name, options.max_bytes);
  } else {
    return absl::DataLossError(fmt::format(
        "{}: at byte 0: neither a PNG image nor a PGM or PPM image (P2, P3, P5, P6) begins like this", name));
  }
  if (!pixels.ok()) return pixels.status();
  return planes(*pixels, options.mode);
}

absl::StatusOr<Tensor> read_image(const std::string& path, const ImageOptions& options) {
  const absl::StatusOr<std::string> content = read_file(path, options.max_bytes);
  if (!content.ok()) return content.status();
  return parse_image(*content, path, options);
}

absl::Status save_image(const std::string& path, const Tensor& image) {
  const auto wrong = [&](std::string_view what) {
    return absl::InvalidArgumentError(fmt::format("{}: {}", path, what));
  };
  if (!image.defined()) return wrong("the image is an empty handle");
  const int rank = image.rank();
  if (image.dtype() != DType::u8) {
    return wrong(
        fmt::format("the image is {}; u8 is needed: astype(clamp(x * 255 + 0.5, 0, 255), DType::u8) "
                    "of numbers in 0..1",
                    describe(image)));
  }
  if ((rank != 2 && rank != 3) || (rank == 3 && image.size(0) != 1 && image.size(0) != 3)) {
    return wrong(fmt::format("the image is {}; [H, W], [1, H, W] or [3, H, W] is needed", describe(image)));
  }
  Pixels p{image.size(rank - 2), image.size(rank - 1), rank == 3 ? image.size(0) : 1, {}};
  constexpr std::int64_t kMostSide = 0x7FFF'FFFF;
  if (image.numel() == 0 || p.height > kMostSide || p.width > kMostSide) {
    return wrong(fmt::format("the image is {}; sides are 1 to {} pixels", describe(image), kMostSide));
  }
  const std::string ending = ending_of(path);
  if (ending != ".png" && ending != ".pgm" && ending != ".ppm" && ending != ".pnm") {
    return wrong(
        fmt::format("the ending \"{}\" is no format of images here; .png, .pgm, .ppm and .pnm are", ending));
  }
  if ((ending == ".pgm" && p.channels != 1) || (ending == ".ppm" && p.channels != 3)) {
    return wrong(fmt::format("the image is {}, with {} channels; {} has {}", describe(image), p.channels,
                             ending, ending == ".pgm" ? "one" : "three"));
  }
  const Tensor whole = image.is_contiguous() ? image : image.clone_detached();
  const auto* from = static_cast<const std::uint8_t*>(whole.impl()->data);
  const std::int64_t n = p.height * p.width;
  p.samples.resize(static_cast<std::size_t>(n * p.channels));
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t c = 0; c < p.channels; ++c) {
      p.samples[static_cast<std::size_t>(i * p.channels + c)] = from[c * n + i];
    }
  }
  if (ending != ".png") return write_file(path, encode_pnm(p));
  const absl::StatusOr<std::string> png = encode_png(p, path);
  return png.ok() ? write_file(path, *png) : png.status();
}

Tensor image_grid(const Tensor& images, const ImageGridOptions& o, Location where) {
  constexpr const char* kOp = "image_grid";
  if (images.rank() != 4) {
    throw_error<ShapeError>(where, kOp, "images {} should be [N, C, H, W]", describe(images));
  }
  if (images.size(0) == 0) throw_error<ValueError>(where, kOp, "there is no image: {}", describe(images));
  if (o.columns < 1) throw_error<ValueError>(where, kOp, "columns is {}; it must be at least 1", o.columns);
  if (o.padding < 0) {
    throw_error<ValueError>(where, kOp, "padding is {}; it is a number of pixels", o.padding);
  }
  const std::int64_t n = images.size(0), h = images.size(2), w = images.size(3);
  const std::int64_t columns = std::min(o.columns, n), rows = (n + columns - 1) / columns;
  // A side of the whole: count * (size + padding) + padding.
  const auto side = [&](std::int64_t count, std::int64_t size) {
    std::int64_t out = 0;
    if (__builtin_add_overflow(size, o.padding, &out) || __builtin_mul_overflow(out, count, &out) ||
        __builtin_add_overflow(out, o.padding, &out)) {
      throw_error<ValueError>(where, kOp, "padding {} makes an image larger than any memory", o.padding);
    }
    return out;
  };
  const NoGrad no_grad;
  Tensor out = full({images.size(1), side(rows, h), side(columns, w)}, o.pad_value, images.dtype(), where);
  for (std::int64_t i = 0; i < n; ++i) {
    const std::int64_t y = o.padding + i / columns * (h + o.padding);
    const std::int64_t x = o.padding + i % columns * (w + o.padding);
    slice(slice(out, 1, y, y + h), 2, x, x + w).copy_(select(images, 0, i).detach(), where);
  }
  return out;
}

}  // namespace gradus::data
