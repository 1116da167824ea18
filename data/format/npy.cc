#include "gradus/data/format/npy.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>
#include <optional>
#include <unordered_set>

#include "gradus/base/format.h"
#include "gradus/data/format/bools.h"
#include "gradus/data/format/zip.h"
#include "gradus/ops/view.h"

namespace gradus::data {
namespace {

static_assert(std::endian::native == std::endian::little, "arrays are written as they lie in memory");

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr std::size_t kAlignment = 64;  // of the array's bytes

constexpr std::pair<const char*, DType> kDTypes[] = {
    {"f4", DType::f32}, {"f8", DType::f64},     {"i4", DType::i32}, {"i8", DType::i64},
    {"u1", DType::u8},  {"b1", DType::boolean}, {"i1", DType::i8},  {"i2", DType::i16},
    {"u2", DType::u16}, {"u4", DType::u32},     {"u8", DType::u64}, {"f2", DType::f16},
};

absl::Status bad(std::string_view file, std::size_t offset, std::string_view what) {
  return absl::DataLossError(fmt::format("{}: at byte {}: {}", file, offset, what));
}

struct Header {
  std::string descr;
  bool fortran_order = false;
  Shape shape;
};

// Reads the header's text: a Python dict of the three keys, as NumPy writes it and no more of Python.
class HeaderParser {
 public:
  HeaderParser(std::string_view text, std::string_view file, std::size_t begin)
      : text_(text), file_(file), begin_(begin) {}

  absl::StatusOr<Header> parse() {
    Header h;
    bool descr = false, order = false, shape = false;
    if (!take('{')) return wrong("the header is no dict");
    while (!take('}')) {
      const std::optional<std::string> key = quoted();
      if (!key.has_value() || !take(':')) return wrong("a key in quotes and a colon are expected");
      if (*key == "descr" && !descr) {
        const std::optional<std::string> value = quoted();
        if (!value.has_value()) {
          return absl::UnimplementedError(fmt::format(
              "{}: at byte {}: an array of structures; gradus reads plain numbers", file_, begin_ + at_));
        }
        h.descr = *value;
        descr = true;
      } else if (*key == "fortran_order" && !order) {
        if (take("True")) {
          h.fortran_order = true;
        } else if (!take("False")) {
          return wrong("fortran_order is neither True nor False");
        }
        order = true;
      } else if (*key == "shape" && !shape) {
        if (absl::Status s = sizes(&h.shape); !s.ok()) return s;
        shape = true;
      } else {
        return wrong(fmt::format("the key \"{}\" is not expected here", *key));
      }
      if (!take(',') && !peek('}')) return wrong("a comma is expected");
    }
    if (!descr || !order || !shape) return wrong("descr, fortran_order or shape is missing");
    skip();
    if (at_ != text_.size()) return wrong("something follows the dict");
    return h;
  }

 private:
  absl::Status wrong(std::string_view what) const { return bad(file_, begin_ + at_, what); }
  void skip() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) ++at_;
  }
  bool peek(char c) {
    skip();
    return at_ < text_.size() && text_[at_] == c;
  }
  bool take(char c) { return peek(c) && ++at_ > 0; }
  bool take(std::string_view word) {
    skip();
    if (!text_.substr(at_).starts_with(word)) return false;
    at_ += word.size();
    return true;
  }
  std::optional<std::string> quoted() {
    skip();
    if (at_ == text_.size() || (text_[at_] != '\'' && text_[at_] != '"')) return std::nullopt;
    const std::size_t end = text_.find(text_[at_], at_ + 1);
    if (end == std::string_view::npos) return std::nullopt;
    std::string out(text_.substr(at_ + 1, end - at_ - 1));
    at_ = end + 1;
    return out;
  }
  absl::Status sizes(Shape* shape) {
    if (!take('(')) return wrong("shape is no tuple");
    while (!take(')')) {
      skip();
      std::int64_t size = 0;
      const char* const first = text_.data() + at_;
      const auto [last, error] = std::from_chars(first, text_.data() + text_.size(), size);
      if (error != std::errc() || size < 0) return wrong("a size in shape is no natural number");
      at_ += static_cast<std::size_t>(last - first);
      (void)take('L');  // Python 2 wrote its long numbers so
      if (shape->rank() == kMaxRank) {
        return wrong(fmt::format("shape has more than the {} axes that are supported", kMaxRank));
      }
      shape->push_back(size);
      if (!take(',') && !peek(')')) return wrong("shape is no tuple");
    }
    return absl::OkStatus();
  }

  std::string_view text_, file_;
  std::size_t begin_, at_ = 0;
};

std::optional<DType> dtype_of_descr(std::string_view descr) {
  if (descr.size() != 3 || std::string_view("<>|=").find(descr[0]) == std::string_view::npos)
    return std::nullopt;
  for (const auto& [code, dtype] : kDTypes) {
    if (descr.substr(1) == code) return dtype;
  }
  return std::nullopt;
}

std::string bytes_of_npy(const Tensor& t) {
  const char* code = nullptr;
  for (const auto& [c, dtype] : kDTypes) {
    if (dtype == t.dtype()) code = c;
  }
  const Shape shape = t.shape();
  std::string sizes;
  for (const std::int64_t d : shape) sizes += fmt::format("{}, ", d);
  if (shape.rank() > 1) sizes.resize(sizes.size() - 2);
  if (shape.rank() == 1) sizes.resize(sizes.size() - 1);
  std::string text = fmt::format("{{'descr': '{}{}', 'fortran_order': False, 'shape': ({}), }}",
                                 size_of(t.dtype()) == 1 ? '|' : '<', code, sizes);
  constexpr std::size_t kBefore = 10;  // magic, version, length
  text.append(kAlignment - 1 - (kBefore + text.size()) % kAlignment, ' ');
  text += '\n';
  std::string out(kMagic);
  out += {'\x01', '\x00', static_cast<char>(text.size() & 0xFF), static_cast<char>(text.size() >> 8)};
  out += text;
  const Tensor whole = t.is_contiguous() ? t : t.clone_detached();
  out.append(static_cast<const char*>(whole.impl()->data),
             static_cast<std::size_t>(whole.numel()) * size_of(whole.dtype()));
  return out;
}

absl::Status check_writable(const std::string& path, std::string_view name, const Tensor& t) {
  if (!t.defined()) {
    return absl::InvalidArgumentError(fmt::format("{}: {}is an empty handle", path, name));
  }
  if (t.dtype() == DType::bf16) {
    return absl::InvalidArgumentError(
        fmt::format("{}: {}{} bf16: NumPy has no bf16; convert it with astype(x, DType::f32), which is exact",
                    path, name, format_shape(t.shape())));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Tensor> parse_npy(std::string_view content, std::string_view file) {
  if (!content.starts_with(kMagic)) return bad(file, 0, "no .npy array: it does not begin with \\x93NUMPY");
  if (content.size() < 10) return bad(file, content.size(), "cut off in the header");
  const int version = static_cast<unsigned char>(content[6]);
  if (version < 1 || version > 3)
    return bad(file, 6, fmt::format("version {} of the format is unknown", version));
  std::size_t length = 0, begin = 0;
  if (version == 1) {
    begin = 10;
    length = static_cast<unsigned char>(content[8]) | std::size_t{static_cast<unsigned char>(content[9])}
                                                          << 8;
  } else {
    begin = 12;
    if (content.size() < begin) return bad(file, content.size(), "cut off in the header");
    std::uint32_t n = 0;
    std::memcpy(&n, content.data() + 8, 4);
    length = n;
  }
  if (length > content.size() - begin) {
    return bad(file, 8, fmt::format("a header of {} bytes; {} bytes follow", length, content.size() - begin));
  }
  absl::StatusOr<Header> header = HeaderParser(content.substr(begin, length), file, begin).parse();
  if (!header.ok()) return header.status();
  const std::optional<DType> dtype = dtype_of_descr(header->descr);
  if (!dtype.has_value()) {
    const bool pickled = header->descr.find('O') != std::string::npos;
    return absl::UnimplementedError(fmt::format(
        "{}: gradus has no dtype '{}'{}; it reads bool, integers of 1 to 8 bytes and floats of 2, 4 and 8",
        file, header->descr, pickled ? " (pickled Python objects)" : ""));
  }
  std::uint64_t bytes = size_of(*dtype);
  bool overflow = false;
  for (const std::int64_t d : header->shape) {
    overflow |= __builtin_mul_overflow(bytes, static_cast<std::uint64_t>(d), &bytes);
  }
  // A size of 0 may stand beside sizes whose product overflows.
  const std::string_view data = content.substr(begin + length);
  if (overflow || bytes != data.size()) {
    return bad(file, begin + length,
               fmt::format("shape {} of '{}' needs {} bytes, {} are there", format_shape(header->shape),
                           header->descr, overflow ? "more than 2^64" : std::to_string(bytes), data.size()));
  }
  if (*dtype == DType::boolean && !are_bools(data)) {
    return bad(file, begin + length, "a byte of a bool array is neither 0 nor 1");
  }

  Shape stored;
  for (int i = 0; i < header->shape.rank(); ++i) {
    stored.push_back(header->shape[header->fortran_order ? header->shape.rank() - 1 - i : i]);
  }
  Tensor t = empty(stored, *dtype);
  char* const to = static_cast<char*>(t.impl()->data);
  if (!data.empty()) std::memcpy(to, data.data(), data.size());
  if (header->descr[0] == '>') {
    const std::size_t size = size_of(*dtype);
    for (std::size_t i = 0; i < data.size(); i += size) std::reverse(to + i, to + i + size);
  }
  if (!header->fortran_order || stored.rank() < 2) return t;
  Dims reversed;
  for (int i = stored.rank() - 1; i >= 0; --i) reversed.push_back(i);
  return permute(t, reversed).clone_detached();
}

absl::StatusOr<NamedTensors> parse_npz(std::string_view content, std::string_view file,
                                       std::int64_t max_bytes) {
  const absl::StatusOr<ZipReader> zip = ZipReader::open(content, file, max_bytes);
  if (!zip.ok()) return zip.status();
  NamedTensors out;
  for (int i = 0; i < static_cast<int>(zip->entries().size()); ++i) {
    const std::string& entry = zip->entries()[static_cast<std::size_t>(i)].name;
    if (!entry.ends_with(".npy")) {
      return absl::DataLossError(
          fmt::format("{}: entry \"{}\" of the archive is no .npy array", file, entry));
    }
    const absl::StatusOr<std::string> bytes = zip->read(i);
    if (!bytes.ok()) return bytes.status();
    absl::StatusOr<Tensor> t = parse_npy(*bytes, fmt::format("{}: {}", file, entry));
    if (!t.ok()) return t.status();
    out.push_back({entry.substr(0, entry.size() - 4), *std::move(t)});
  }
  return out;
}

absl::StatusOr<Tensor> load_npy(const std::string& path, std::int64_t max_bytes) {
  const absl::StatusOr<std::string> content = read_file(path, max_bytes);
  if (!content.ok()) return content.status();
  return parse_npy(*content, path);
}

absl::StatusOr<NamedTensors> load_npz(const std::string& path, std::int64_t max_bytes) {
  const absl::StatusOr<std::string> content = read_file(path, max_bytes);
  if (!content.ok()) return content.status();
  return parse_npz(*content, path, max_bytes);
}

absl::Status save_npy(const std::string& path, const Tensor& tensor) {
  if (absl::Status s = check_writable(path, "the tensor ", tensor); !s.ok()) return s;
  return write_file(path, bytes_of_npy(tensor));
}

absl::Status save_npz(const std::string& path, const NamedTensors& tensors) {
  std::unordered_set<std::string_view> names;
  std::vector<ZipContent> entries;
  for (const NamedTensor& t : tensors) {
    if (absl::Status s = check_writable(path, fmt::format("tensor \"{}\" ", t.name), t.tensor); !s.ok())
      return s;
    if (!names.insert(t.name).second) {
      return absl::InvalidArgumentError(fmt::format("{}: two tensors are called \"{}\"", path, t.name));
    }
    if (t.name.empty() || t.name.find('\0') != std::string::npos) {
      return absl::InvalidArgumentError(fmt::format("{}: a tensor needs a name without zero bytes", path));
    }
    entries.push_back({t.name + ".npy", bytes_of_npy(t.tensor)});
  }
  const absl::StatusOr<std::string> archive = write_zip(entries, path);
  if (!archive.ok()) return archive.status();
  return write_file(path, *archive);
}

}  // namespace gradus::data
