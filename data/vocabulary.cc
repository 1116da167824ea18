#include "gradus/data/vocabulary.h"

#include <algorithm>
#include <set>

#include "gradus/base/format.h"

namespace gradus::data {
namespace {

// Bytes of the character that begins here, or 0 where none does. Source: RFC 3629, section 4.
std::size_t character_bytes(std::string_view s) {
  const auto byte = [&](std::size_t i) { return i < s.size() ? static_cast<unsigned char>(s[i]) : 0U; };
  const auto within = [&](std::size_t i, unsigned low, unsigned high) {
    return byte(i) >= low && byte(i) <= high;
  };
  const unsigned b = byte(0);
  if (b < 0x80) return 1;
  if (b < 0xC2 || b > 0xF4) return 0;
  if (b < 0xE0) return within(1, 0x80, 0xBF) ? 2 : 0;
  if (b < 0xF0) {
    const unsigned low = b == 0xE0 ? 0xA0 : 0x80, high = b == 0xED ? 0x9F : 0xBF;
    return within(1, low, high) && within(2, 0x80, 0xBF) ? 3 : 0;
  }
  const unsigned low = b == 0xF0 ? 0x90 : 0x80, high = b == 0xF4 ? 0x8F : 0xBF;
  return within(1, low, high) && within(2, 0x80, 0xBF) && within(3, 0x80, 0xBF) ? 4 : 0;
}

// Calls f(character, its first byte) for each; throws where there is none.
template <class F>
void each_character(std::string_view text, const char* what, Location where, F&& f) {
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t n = character_bytes(text.substr(i));
    if (n == 0) {
      throw_error<ValueError>(where, what,
                              "the text is no UTF-8: byte {} is 0x{:02x}; Vocabulary::of_bytes() takes any",
                              i, static_cast<unsigned char>(text[i]));
    }
    f(text.substr(i, n), i);
    i += n;
  }
}

}  // namespace

Vocabulary Vocabulary::of_characters(std::string_view text, Location where) {
  std::set<std::string_view> seen;  // the order of UTF-8's bytes is that of the code points
  each_character(text, "Vocabulary", where, [&](std::string_view c, std::size_t) { seen.insert(c); });
  return Vocabulary(std::vector<std::string>(seen.begin(), seen.end()), where);
}

Vocabulary Vocabulary::of_bytes() {
  std::vector<std::string> tokens;
  tokens.reserve(256);
  for (int b = 0; b < 256; ++b) tokens.emplace_back(1, static_cast<char>(b));
  Vocabulary out(std::move(tokens));
  out.bytes_ = true;
  return out;
}

Vocabulary::Vocabulary(std::vector<std::string> tokens, Location where) : tokens_(std::move(tokens)) {
  for (std::size_t i = 0; i < tokens_.size(); ++i) {
    if (tokens_[i].empty()) throw_error<ValueError>(where, "Vocabulary", "token {} is empty", i);
    if (!codes_.emplace(tokens_[i], static_cast<std::int64_t>(i)).second) {
      throw_error<ValueError>(where, "Vocabulary", "token {}, \"{}\", is there twice", i, tokens_[i]);
    }
  }
}

Vocabulary::Vocabulary(const Vocabulary& o) : Vocabulary(o.tokens_) { bytes_ = o.bytes_; }
Vocabulary& Vocabulary::operator=(const Vocabulary& o) { return *this = Vocabulary(o); }

Tensor Vocabulary::encode(std::string_view text, Location where) const {
  std::vector<std::int64_t> codes;
  codes.reserve(text.size());
  const auto add = [&](std::string_view token, std::size_t at) {
    const auto it = codes_.find(token);
    if (it == codes_.end()) {
      throw_error<ValueError>(where, "Vocabulary::encode",
                              "byte {} begins \"{}\", which is none of the {} tokens", at, token, size());
    }
    codes.push_back(it->second);
  };
  if (bytes_) {
    for (std::size_t i = 0; i < text.size(); ++i) add(text.substr(i, 1), i);
  } else {
    each_character(text, "Vocabulary::encode", where, add);
  }
  Tensor out = empty({static_cast<std::int64_t>(codes.size())}, DType::i64, where);
  std::copy(codes.begin(), codes.end(), out.mutable_span<std::int64_t>().begin());
  return out;
}

std::string Vocabulary::decode(const Tensor& codes, Location where) const {
  std::string out;
  for (const std::int64_t c : codes.to_vector<std::int64_t>(where)) {
    if (c < 0 || c >= size()) {
      throw_error<ValueError>(where, "Vocabulary::decode", "{} is no code; there are {}", c, size());
    }
    out += tokens_[static_cast<std::size_t>(c)];
  }
  return out;
}

TextWindows::TextWindows(const Tensor& codes, std::int64_t length, Location where)
    : codes_(codes.clone_detached()), length_(length) {
  if (codes_.rank() != 1) {
    throw_error<ShapeError>(where, "TextWindows", "codes are {}; one axis is needed",
                            format_shape(codes_.shape()));
  }
  if (codes_.dtype() != DType::i64) {
    throw_error<DtypeError>(where, "TextWindows", "codes are {}; i64 is needed", name(codes_.dtype()));
  }
  if (length < 1 || length >= codes_.numel()) {
    throw_error<ValueError>(where, "TextWindows",
                            "windows of {} and the code after each do not fit into {} codes", length,
                            codes_.numel());
  }
}

TextWindows::Batch TextWindows::batch(std::span<const std::int64_t> indices) const {
  const auto n = static_cast<std::int64_t>(indices.size());
  Batch out{empty({n, length_}, DType::i64), empty({n, length_}, DType::i64)};
  const auto all = codes_.span<std::int64_t>();
  auto x = out[0].mutable_span<std::int64_t>().begin(), y = out[1].mutable_span<std::int64_t>().begin();
  for (const std::int64_t i : indices) {
    if (i < 0 || i >= size()) {
      throw_error<ValueError>({}, "TextWindows", "index {} is out of range for {} windows", i, size());
    }
    const auto window = all.subspan(static_cast<std::size_t>(i), static_cast<std::size_t>(length_) + 1);
    x = std::copy(window.begin(), window.end() - 1, x);
    y = std::copy(window.begin() + 1, window.end(), y);
  }
  return out;
}

}  // namespace gradus::data
