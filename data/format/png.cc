// libpng reports an error by a jump, which must not pass over anything that has a destructor. So what it
// reads into and writes from lies in a struct of the caller's, and each function that jumps has plain
// variables only.
#include <fmt/format.h>
#include <png.h>

#include <algorithm>
#include <array>
#include <csetjmp>
#include <cstring>

#include "gradus/data/format/pixels.h"

namespace gradus::data {
namespace {

// Deflate's best: a match of 258 bytes in 2 bits.
constexpr std::uint64_t kMostDeflated = 1032;
// Offset of the width in every PNG: behind the signature and the first chunk's length and name.
constexpr std::size_t kSizesAt = 16;

struct Codec {
  png_structp png = nullptr;
  png_infop info = nullptr;
  bool writes = false;
  std::array<char, 160> message = {};

  std::string_view content;  // read
  std::size_t at = 0;
  std::string* out = nullptr;  // written
  bool no_memory = false;

  Codec() = default;
  Codec(const Codec&) = delete;
  Codec& operator=(const Codec&) = delete;
  ~Codec() {
    if (writes) {
      png_destroy_write_struct(&png, &info);
    } else {
      png_destroy_read_struct(&png, &info, nullptr);
    }
  }
};

[[noreturn]] void on_error(png_structp png, png_const_charp text) {
  auto* c = static_cast<Codec*>(png_get_error_ptr(png));
  std::strncpy(c->message.data(), text, c->message.size() - 1);
  png_longjmp(png, 1);
}

void on_warning(png_structp, png_const_charp) {}

void on_read(png_structp png, png_bytep to, std::size_t n) {
  auto* c = static_cast<Codec*>(png_get_io_ptr(png));
  if (n > c->content.size() - c->at) {
    c->at = c->content.size();
    png_error(png, "the file is cut off");
  }
  std::memcpy(to, c->content.data() + c->at, n);
  c->at += n;
}

void on_write(png_structp png, png_bytep from, std::size_t n) {
  auto* c = static_cast<Codec*>(png_get_io_ptr(png));
  try {
    c->out->append(reinterpret_cast<const char*>(from), n);
  } catch (const std::exception&) {  // must not pass through a function of C
    c->no_memory = true;
  }
  if (c->no_memory) png_error(png, "no memory");
}

void on_flush(png_structp) {}

struct Header {
  png_uint_32 width, height;
  int depth, color;
};

// False on an error.
bool read_header(Codec* c, Header* h) {
  if (setjmp(png_jmpbuf(c->png)) != 0) return false;
  png_set_read_fn(c->png, c, on_read);
  png_set_user_limits(c->png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
  // Chunks of texts, profiles and the like are passed over, not unpacked.
  png_set_keep_unknown_chunks(c->png, PNG_HANDLE_CHUNK_NEVER, nullptr, -1);
  png_read_info(c->png, c->info);
  png_get_IHDR(c->png, c->info, &h->width, &h->height, &h->depth, &h->color, nullptr, nullptr, nullptr);
  return true;
}

// Takes memory for a row. The bytes of one of 8-bit samples go to *row_bytes.
bool start_rows(Codec* c, std::size_t* row_bytes) {
  if (setjmp(png_jmpbuf(c->png)) != 0) return false;
  png_set_expand(c->png);
  png_set_scale_16(c->png);
  png_set_strip_alpha(c->png);
  png_set_interlace_handling(c->png);
  png_read_update_info(c->png, c->info);
  *row_bytes = png_get_rowbytes(c->png, c->info);
  return true;
}

bool read_rows(Codec* c, png_bytepp rows) {
  if (setjmp(png_jmpbuf(c->png)) != 0) return false;
  png_read_image(c->png, rows);
  png_read_end(c->png, nullptr);
  return true;
}

bool write_all(Codec* c, const Pixels* p, png_bytepp rows) {
  if (setjmp(png_jmpbuf(c->png)) != 0) return false;
  png_set_write_fn(c->png, c, on_write, on_flush);
  png_set_user_limits(c->png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
  png_set_IHDR(c->png, c->info, static_cast<png_uint_32>(p->width), static_cast<png_uint_32>(p->height), 8,
               p->channels == 3 ? PNG_COLOR_TYPE_RGB : PNG_COLOR_TYPE_GRAY, PNG_INTERLACE_NONE,
               PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  png_write_info(c->png, c->info);
  png_write_image(c->png, rows);
  png_write_end(c->png, nullptr);
  return true;
}

std::vector<png_bytep> rows_of(std::uint8_t* samples, std::int64_t height, std::size_t row_bytes) {
  std::vector<png_bytep> rows(static_cast<std::size_t>(height));
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = samples + i * row_bytes;
  return rows;
}

}  // namespace

absl::StatusOr<Pixels> decode_png(std::string_view content, std::string_view file, std::int64_t max_bytes) {
  Codec c;
  c.content = content;
  c.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &c, on_error, on_warning);
  if (c.png != nullptr) c.info = png_create_info_struct(c.png);
  if (c.info == nullptr) return absl::ResourceExhaustedError(fmt::format("{}: no memory to decode", file));
  const auto wrong = [&] {
    return absl::DataLossError(
        fmt::format("{}: at byte {}: no whole PNG image: {}", file, c.at, c.message.data()));
  };
  Header h{};
  if (!read_header(&c, &h)) return wrong();
  const bool palette = h.color == PNG_COLOR_TYPE_PALETTE;  // which has the bit of colour, too
  Pixels out{h.height, h.width, (h.color & PNG_COLOR_MASK_COLOR) != 0 ? 3 : 1, {}};
  const auto stored_channels =
      palette ? 1
              : static_cast<std::uint64_t>(out.channels) + ((h.color & PNG_COLOR_MASK_ALPHA) != 0 ? 1 : 0);
  const std::uint64_t row_bits = h.width * stored_channels * static_cast<std::uint64_t>(h.depth);
  // A byte of filter beside each row.
  std::uint64_t unpacked = 0;
  if (__builtin_mul_overflow(std::uint64_t{h.height}, 1 + row_bits / 8, &unpacked))
    unpacked = ~std::uint64_t{0};
  if (absl::Status s = check_pixels(out, unpacked / kMostDeflated, content, file, kSizesAt, max_bytes);
      !s.ok()) {
    return s;
  }
  std::size_t row_bytes = 0;
  if (!start_rows(&c, &row_bytes)) return wrong();
  if (row_bytes != std::size_t{h.width} * static_cast<std::size_t>(out.channels)) {
    return absl::InternalError(fmt::format("{}: libpng gives {} bytes for a row of {} pixels in {} channels",
                                           file, row_bytes, h.width, out.channels));
  }
  out.samples.resize(static_cast<std::size_t>(out.height) * row_bytes);
  std::vector<png_bytep> rows = rows_of(out.samples.data(), out.height, row_bytes);
  if (!read_rows(&c, rows.data())) return wrong();
  return out;
}

absl::StatusOr<std::string> encode_png(const Pixels& p, std::string_view file) {
  std::string out;
  Codec c;
  c.writes = true;
  c.out = &out;
  c.png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &c, on_error, on_warning);
  if (c.png != nullptr) c.info = png_create_info_struct(c.png);
  if (c.info == nullptr) return absl::ResourceExhaustedError(fmt::format("{}: no memory to encode", file));
  // libpng does not write through the pointers; they lack const for old compilers' sake.
  std::vector<png_bytep> rows = rows_of(const_cast<std::uint8_t*>(p.samples.data()), p.height,
                                        static_cast<std::size_t>(p.width * p.channels));
  if (!write_all(&c, &p, rows.data())) {
    return absl::InternalError(fmt::format("{}: the image could not be encoded: {}", file, c.message.data()));
  }
  return out;
}

}  // namespace gradus::data
