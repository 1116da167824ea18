// Texts as numbers: a vocabulary of characters (Unicode code points of UTF-8) or of bytes, and windows over a
// text for models that predict the next one.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "gradus/base/location.h"
#include "gradus/graph/tensor.h"

namespace gradus::data {

class Vocabulary {
 public:
  // The characters of `text`, in the order of their code points. Errors: ValueError for text that is no
  // UTF-8, with the byte.
  static Vocabulary of_characters(std::string_view text, Location where = Location::current());
  // All 256 bytes: any text has a code.
  static Vocabulary of_bytes();
  Vocabulary(const Vocabulary& o);
  Vocabulary& operator=(const Vocabulary& o);
  Vocabulary(Vocabulary&&) noexcept = default;  // the tokens stay where they are
  Vocabulary& operator=(Vocabulary&&) noexcept = default;
  ~Vocabulary() = default;
  // These tokens, as a checkpoint has kept them. Errors: ValueError for an empty or a repeated token.
  explicit Vocabulary(std::vector<std::string> tokens, Location where = Location::current());

  std::int64_t size() const { return static_cast<std::int64_t>(tokens_.size()); }
  const std::vector<std::string>& tokens() const { return tokens_; }

  // [n] i64, a code a character (or byte). Errors: ValueError for one that the vocabulary lacks, with its
  // place.
  Tensor encode(std::string_view text, Location where = Location::current()) const;
  // The text of codes, i64 of any shape. Errors: DtypeError, ValueError for a number that is no code.
  std::string decode(const Tensor& codes, Location where = Location::current()) const;

 private:
  std::vector<std::string> tokens_;
  std::unordered_map<std::string_view, std::int64_t> codes_;  // views of tokens_
  bool bytes_ = false;
};

// The dataset of all windows of `length` codes: sample i is {codes[i, i + length), codes[i + 1, i + length +
// 1)}.
class TextWindows {
 public:
  using Batch = std::array<Tensor, 2>;

  // `codes` is [n] i64 with n > length. Errors: ShapeError, DtypeError, ValueError.
  TextWindows(const Tensor& codes, std::int64_t length, Location where = Location::current());

  std::int64_t size() const { return codes_.numel() - length_; }
  // Both [indices.size(), length] i64. Errors: ValueError for an index out of range.
  Batch batch(std::span<const std::int64_t> indices) const;

 private:
  Tensor codes_;
  std::int64_t length_;
};

}  // namespace gradus::data
