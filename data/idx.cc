#include "gradus/data/idx.h"

#include <fmt/format.h>

#include <bit>
#include <cstring>

namespace gradus::data {
namespace {

constexpr std::size_t kHeaderBytes = 4;

// Codes of element types, from the format's description.
enum Code : std::uint8_t { kU8 = 0x08, kI8 = 0x09, kI16 = 0x0B, kI32 = 0x0C, kF32 = 0x0D, kF64 = 0x0E };

struct Element {
  std::size_t bytes = 0;  // 0: no such type
  DType dtype = DType::u8;
};

Element element_of(std::uint8_t code) {
  switch (code) {
    case kU8:
      return {1, DType::u8};
    case kI8:
      return {1, DType::i32};
    case kI16:
      return {2, DType::i32};
    case kI32:
      return {4, DType::i32};
    case kF32:
      return {4, DType::f32};
    case kF64:
      return {8, DType::f64};
    default:
      return {};
  }
}

template <class U>
U big_endian(const char* p) {
  U x = 0;
  for (std::size_t i = 0; i < sizeof(U); ++i) x = static_cast<U>(x << 8 | static_cast<unsigned char>(p[i]));
  return x;
}

// `To` from elements stored as the bits of `Stored`, read as unsigned `U`.
template <class U, class Stored, class To>
void convert(const char* from, void* to, std::int64_t n) {
  To* out = static_cast<To*>(to);
  for (std::int64_t i = 0; i < n; ++i) {
    const auto stored = std::bit_cast<Stored>(big_endian<U>(from + static_cast<std::size_t>(i) * sizeof(U)));
    out[i] = static_cast<To>(stored);  // NOLINT(bugprone-signed-char-misuse): i8 is a number here
  }
}

template <class... Args>
absl::Status bad(std::string_view name, std::size_t offset, fmt::format_string<Args...> text,
                 Args&&... args) {
  return absl::DataLossError(
      fmt::format("{}: at byte {}: {}", name, offset, fmt::format(text, std::forward<Args>(args)...)));
}

}  // namespace

absl::StatusOr<Tensor> parse_idx(std::string_view content, std::string_view name) {
  if (content.size() < kHeaderBytes) {
    return bad(name, content.size(), "the IDX header of {} bytes is cut off", kHeaderBytes);
  }
  if (content[0] != 0 || content[1] != 0) {
    return bad(name, 0, "not an IDX file: it begins with 0x{:02x}{:02x}, not with two zero bytes",
               static_cast<unsigned char>(content[0]), static_cast<unsigned char>(content[1]));
  }
  const auto code = static_cast<std::uint8_t>(content[2]);
  const Element element = element_of(code);
  if (element.bytes == 0) return bad(name, 2, "0x{:02x} is no element type of IDX", code);
  const int rank = static_cast<unsigned char>(content[3]);
  if (rank > kMaxRank) return bad(name, 3, "{} axes; at most {} are supported", rank, kMaxRank);
  const std::size_t begin = kHeaderBytes + 4 * static_cast<std::size_t>(rank);
  if (content.size() < begin) {
    return bad(name, content.size(), "the sizes of {} axes should end at byte {}; the file is cut off", rank,
               begin);
  }
  Shape shape;
  std::uint64_t bytes = element.bytes;
  for (int i = 0; i < rank; ++i) {
    const std::size_t at = kHeaderBytes + 4 * static_cast<std::size_t>(i);
    const std::uint32_t size = big_endian<std::uint32_t>(content.data() + at);
    if (__builtin_mul_overflow(bytes, std::uint64_t{size}, &bytes)) {
      return bad(name, at, "axis {} of size {} makes more elements than any file holds", i, size);
    }
    shape.push_back(size);
  }
  const std::size_t present = content.size() - begin;
  if (present < bytes) {
    return bad(name, content.size(),
               "the file is cut off: its sizes ask for {} bytes of elements, {} are there", bytes, present);
  }
  if (present > bytes) {
    return bad(name, begin + static_cast<std::size_t>(bytes),
               "{} bytes follow the elements; the sizes ask for {} bytes, {} are there",
               present - static_cast<std::size_t>(bytes), bytes, present);
  }
  Tensor t = empty(shape, element.dtype);
  const char* from = content.data() + begin;
  void* to = t.impl()->data;
  const std::int64_t n = t.numel();
  switch (code) {
    case kU8:
      if (n > 0) std::memcpy(to, from, static_cast<std::size_t>(n));
      break;
    case kI8:
      convert<std::uint8_t, std::int8_t, std::int32_t>(from, to, n);
      break;
    case kI16:
      convert<std::uint16_t, std::int16_t, std::int32_t>(from, to, n);
      break;
    case kI32:
      convert<std::uint32_t, std::int32_t, std::int32_t>(from, to, n);
      break;
    case kF32:
      convert<std::uint32_t, float, float>(from, to, n);
      break;
    case kF64:
      convert<std::uint64_t, double, double>(from, to, n);
      break;
    default:
      break;
  }
  return t;
}

absl::StatusOr<Tensor> read_idx(const std::string& path, std::int64_t max_bytes) {
  const absl::StatusOr<std::string> content = read_file_maybe_gzip(path, max_bytes);
  if (!content.ok()) return content.status();
  return parse_idx(*content, path);
}

}  // namespace gradus::data
