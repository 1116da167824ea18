#include <fmt/format.h>

#include "gradus/data/format/pixels.h"

namespace gradus::data {
namespace {

constexpr std::uint64_t kLargest = 65535;            // the format's own bound of a sample
constexpr std::uint64_t kLargestSize = 0x7FFF'FFFF;  // of a side, as PNG's

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

// The numbers of the header and of the plain formats, one after the other.
class Scanner {
 public:
  Scanner(std::string_view text, std::string_view file) : text_(text), file_(file) {}

  std::size_t at() const { return at_; }
  bool done() const { return at_ >= text_.size(); }

  absl::Status wrong(std::size_t offset, std::string_view what) const {
    return absl::DataLossError(fmt::format("{}: at byte {}: {}", file_, offset, what));
  }

  void skip(std::size_t n) { at_ += n; }
  // Blanks, and comments from '#' to the end of the line.
  void skip_blanks() {
    for (; !done(); ++at_) {
      if (text_[at_] == '#') {
        while (at_ + 1 < text_.size() && text_[at_ + 1] != '\n') ++at_;
      } else if (!is_space(text_[at_])) {
        return;
      }
    }
  }

  absl::StatusOr<std::uint64_t> number(std::string_view what, std::uint64_t least, std::uint64_t most) {
    skip_blanks();
    const std::size_t begin = at_;
    std::uint64_t value = 0;
    for (; !done() && text_[at_] >= '0' && text_[at_] <= '9'; ++at_) {
      value = value * 10 + static_cast<std::uint64_t>(text_[at_] - '0');
      if (value > most) return wrong(begin, fmt::format("the {} is more than {}", what, most));
    }
    if (at_ == begin) {
      return wrong(begin, done() ? fmt::format("the file is cut off; a {} should follow", what)
                                 : fmt::format("a {} should stand here", what));
    }
    if (!done() && !is_space(text_[at_]) && text_[at_] != '#') {
      return wrong(at_, fmt::format("something follows the {}", what));
    }
    if (value < least) return wrong(begin, fmt::format("the {} is {}", what, value));
    return value;
  }

 private:
  std::string_view text_, file_;
  std::size_t at_ = 0;
};

// value * 255 / largest, rounded.
std::uint8_t scaled(std::uint64_t value, std::uint64_t largest) {
  return static_cast<std::uint8_t>((value * 255 + largest / 2) / largest);
}

}  // namespace

absl::StatusOr<Pixels> decode_pnm(std::string_view content, std::string_view file, std::int64_t max_bytes) {
  Scanner scan(content, file);
  const char kind = content.size() < 2 ? '\0' : content[1];
  const bool plain = kind == '2' || kind == '3';
  if (content.size() < 2 || content[0] != 'P' || (!plain && kind != '5' && kind != '6')) {
    return scan.wrong(0, "neither P2, P3, P5 nor P6 stands at the beginning");
  }
  if (content.size() > 2 && !is_space(content[2]) && content[2] != '#') {
    return scan.wrong(2, fmt::format("something follows P{}", kind));
  }
  scan.skip(2);
  scan.skip_blanks();
  const std::size_t sizes_at = scan.at();
  const absl::StatusOr<std::uint64_t> width = scan.number("width", 1, kLargestSize);
  if (!width.ok()) return width.status();
  const absl::StatusOr<std::uint64_t> height = scan.number("height", 1, kLargestSize);
  if (!height.ok()) return height.status();
  const absl::StatusOr<std::uint64_t> largest = scan.number("largest value", 1, kLargest);
  if (!largest.ok()) return largest.status();

  Pixels out{static_cast<std::int64_t>(*height),
             static_cast<std::int64_t>(*width),
             kind == '3' || kind == '6' ? 3 : 1,
             {}};
  // Below 2^62 * 3.
  const std::uint64_t n = *width * *height * static_cast<std::uint64_t>(out.channels);
  if (plain) {
    // A digit and a blank each, the last one without.
    if (absl::Status s = check_pixels(out, n, content, file, sizes_at, max_bytes); !s.ok()) return s;
    if (n > (content.size() - scan.at()) / 2 + 1) {
      return scan.wrong(content.size(), fmt::format("the file is cut off: its sizes ask for {} numbers", n));
    }
    out.samples.reserve(static_cast<std::size_t>(n));
    for (std::uint64_t i = 0; i < n; ++i) {
      const absl::StatusOr<std::uint64_t> value = scan.number("sample", 0, *largest);
      if (!value.ok()) return value.status();
      out.samples.push_back(scaled(*value, *largest));
    }
    scan.skip_blanks();
    if (!scan.done()) return scan.wrong(scan.at(), "something follows the last sample");
    return out;
  }

  const bool wide = *largest > 255;
  const std::uint64_t bytes = wide ? 2 * n : n;
  if (scan.done()) return scan.wrong(scan.at(), "the file is cut off behind its header");
  if (content[scan.at()] == '#') return scan.wrong(scan.at(), "one blank should stand behind the header");
  scan.skip(1);
  const std::string_view data = content.substr(scan.at());
  if (data.size() < bytes) {
    return scan.wrong(content.size(), fmt::format("the file is cut off: its sizes ask for {} bytes of "
                                                  "samples, {} are there",
                                                  bytes, data.size()));
  }
  if (data.size() > bytes) {
    return scan.wrong(scan.at() + static_cast<std::size_t>(bytes),
                      fmt::format("{} bytes follow the samples", data.size() - bytes));
  }
  if (absl::Status s = check_pixels(out, n, content, file, sizes_at, max_bytes); !s.ok()) return s;
  out.samples.resize(static_cast<std::size_t>(n));
  const auto byte = [&](std::size_t i) {
    return static_cast<std::uint64_t>(static_cast<std::uint8_t>(data[i]));
  };
  for (std::size_t i = 0; i < out.samples.size(); ++i) {
    const std::uint64_t value = wide ? byte(2 * i) << 8 | byte(2 * i + 1) : byte(i);
    if (value > *largest) {
      return scan.wrong(scan.at() + (wide ? 2 * i : i),
                        fmt::format("a sample is {}; the largest value is {}", value, *largest));
    }
    out.samples[i] = scaled(value, *largest);
  }
  return out;
}

std::string encode_pnm(const Pixels& p) {
  std::string out = fmt::format("P{}\n{} {}\n255\n", p.channels == 3 ? 6 : 5, p.width, p.height);
  out.append(reinterpret_cast<const char*>(p.samples.data()), p.samples.size());
  return out;
}

}  // namespace gradus::data
