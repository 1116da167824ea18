#include "gradus/docs/examples/zoo/corpus.h"

#include <fmt/format.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>
#include <optional>
#include <string_view>

#include "gradus/base/error.h"
#include "gradus/ops/activation.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/indexing.h"
#include "gradus/ops/random.h"
#include "gradus/ops/reduction.h"
#include "gradus/ops/scan.h"
#include "gradus/ops/sort.h"
#include "gradus/ops/view.h"

namespace gradus::zoo {
namespace {

// What is left in a stream; nothing where reading fails.
std::optional<std::string> read_all(std::FILE* stream) {
  std::string text;
  std::array<char, 1 << 16> part;
  while (const std::size_t n = std::fread(part.data(), 1, part.size(), stream)) text.append(part.data(), n);
  return std::ferror(stream) != 0 ? std::nullopt : std::optional(text);
}

std::string read_file(const std::string& path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"), std::fclose);
  std::optional<std::string> text = file != nullptr ? read_all(file.get()) : std::nullopt;
  if (!text.has_value()) throw ValueError(fmt::format("the text {} cannot be read", path));
  return *text;
}

// Lines as "Ge1:1 In the beginning God created the heaven and the earth."
std::string print_bible() {
  std::FILE* program = popen("exec bible -f Gen1:1-Rev22:21 2>/dev/null </dev/null", "r");
  const std::optional<std::string> text = program != nullptr ? read_all(program) : std::nullopt;
  const int status = program != nullptr ? pclose(program) : -1;
  if (WIFEXITED(status) && WEXITSTATUS(status) == 127) {
    throw ValueError(
        "the program bible, which prints the text, is not installed: install the package bible-kjv, or give "
        "a text file with --data");
  }
  if (status != 0 || !text.has_value() || text->empty()) {
    throw ValueError(
        "the program bible printed no text: install the package bible-kjv-text, or give a text file with "
        "--data");
  }
  return *text;
}

std::string without_references(std::string_view lines) {
  std::string text;
  text.reserve(lines.size());
  while (!lines.empty()) {
    const std::string_view line = lines.substr(0, lines.find('\n'));
    lines.remove_prefix(std::min(line.size() + 1, lines.size()));
    text += line.substr(std::min(line.find(' '), line.size() - 1) + 1);
    text += '\n';
  }
  return text;
}

// Bytes of the first `characters` characters of UTF-8.
std::size_t bytes_of(std::string_view text, std::int64_t characters) {
  const auto begins = [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; };
  std::size_t i = 0;
  for (; i < text.size(); ++i) {
    if (begins(text[i]) && characters-- == 0) break;
  }
  return i;
}

}  // namespace

std::string load_text(const std::string& path, std::int64_t characters) {
  std::string text = path.empty() ? without_references(print_bible()) : read_file(path);
  if (characters > 0) text.resize(bytes_of(text, characters));
  return text;
}

Corpus load_corpus(const std::string& path, std::int64_t characters, std::int64_t least) {
  const std::string text = load_text(path, characters);
  if (text.empty()) throw ValueError("the text is empty");
  data::Vocabulary vocabulary = data::Vocabulary::of_characters(text);
  const Tensor codes = vocabulary.encode(text);
  const std::int64_t n = codes.numel(), split = n / 10 * 9 + n % 10 * 9 / 10;
  if (n - split < least || split < least) {
    throw ValueError(
        fmt::format("the text has {} characters, its last tenth {}; with these options it must have {}: take "
                    "a longer text, or less of it at a time",
                    n, n - split, least));
  }
  return {std::move(vocabulary), slice(codes, 0, 0, split), slice(codes, 0, split)};
}

std::int64_t draw_code(const Tensor& scores, double temperature, std::int64_t top_k) {
  const std::int64_t n = scores.numel();
  if (temperature == 0) return argmax(scores).item<std::int64_t>();
  Tensor probabilities = softmax(astype(scores, DType::f64) / temperature, 0);
  if (top_k > 0 && top_k < n) {
    const Tensor least = amin(topk(probabilities, top_k).values);
    probabilities = masked_fill(probabilities, lt(probabilities, least), 0);
  }
  // The first code up to which the probabilities sum to more than a number between 0 and all of them.
  const Tensor sums = cumsum(probabilities, 0);
  const Tensor below = le(sums, uniform({}, 0, 1, {.dtype = DType::f64}) * gradus::select(sums, 0, n - 1));
  return std::min(sum(below).item<std::int64_t>(), n - 1);
}

}  // namespace gradus::zoo
