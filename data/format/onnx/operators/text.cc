// Counting runs of words, where words are numbers.
#include <algorithm>
#include <map>

#include "gradus/base/format.h"
#include "gradus/data/format/onnx/call.h"
#include "gradus/data/format/onnx/operators.h"
#include "gradus/ops/creation.h"

namespace gradus::onnx {
namespace {

// How often each n-gram of the pool occurs in a row, its words side by side or with up to max_skip_count
// others between any two.
void run_tf_idf(Call& c) {
  const Tensor& x = c.in(0);
  if (c.has_attribute("pool_strings")) c.unsupported("strings");
  const std::int64_t shortest = c.whole("min_gram_length"), longest = c.whole("max_gram_length");
  const std::int64_t skips = c.whole("max_skip_count");
  const std::string mode = c.text("mode", "TF");
  const auto starts = c.wholes("ngram_counts").value_or(std::vector<std::int64_t>{});
  const auto columns = c.wholes("ngram_indexes").value_or(std::vector<std::int64_t>{});
  const auto pool = c.wholes("pool_int64s").value_or(std::vector<std::int64_t>{});
  const auto weights = c.reals("weights");
  if (mode != "TF" && mode != "IDF" && mode != "TFIDF") c.fail("the mode \"{}\" is none", mode);
  if (shortest < 1 || longest < shortest || skips < 0) {
    c.fail("n-grams of {} to {} words with {} skips", shortest, longest, skips);
  }
  if (x.rank() < 1 || x.rank() > 2) c.fail("its input has {} axes, not 1 or 2", x.rank());
  if (weights.has_value() && weights->size() != columns.size()) {
    c.fail("{} weights are given for {} n-grams", weights->size(), columns.size());
  }
  // ngram_counts[n - 1] says where in the pool the n-grams of n words begin.
  std::map<std::vector<std::int64_t>, std::size_t> known;
  for (std::size_t n = 1; n <= starts.size(); ++n) {
    const std::int64_t begin = starts[n - 1];
    const std::int64_t end = n < starts.size() ? starts[n] : static_cast<std::int64_t>(pool.size());
    if (begin < 0 || begin > end || end > static_cast<std::int64_t>(pool.size())) {
      c.fail("ngram_counts {} do not part a pool of {}", format_shape(starts), pool.size());
    }
    for (std::int64_t i = begin; i + static_cast<std::int64_t>(n) <= end; i += static_cast<std::int64_t>(n)) {
      known.emplace(
          std::vector<std::int64_t>(pool.begin() + i, pool.begin() + i + static_cast<std::int64_t>(n)),
          known.size());
    }
  }
  if (known.size() != columns.size())
    c.fail("the pool has {} n-grams, ngram_indexes {}", known.size(), columns.size());
  std::int64_t width = 0;
  for (const std::int64_t k : columns) {
    if (k < 0 || k > INT32_MAX) c.fail("ngram_indexes hold {}", k);
    width = std::max(width, k + 1);
  }
  const std::vector<std::int64_t> words = c.wholes_in(0);
  const std::int64_t rows = x.rank() == 2 ? x.size(0) : 1, length = x.size(-1);
  const std::int64_t dims[] = {rows, width};
  c.made_up_shape(dims);
  std::vector<float> out(static_cast<std::size_t>(rows * width), 0);
  std::vector<std::int64_t> gram;
  const auto look_up = [&](std::int64_t row, std::int64_t start, std::int64_t n, std::int64_t stride) {
    gram.clear();
    for (std::int64_t k = 0; k < n; ++k)
      gram.push_back(words[static_cast<std::size_t>(row * length + start + k * stride)]);
    const auto it = known.find(gram);
    if (it == known.end()) return;
    float& count = out[static_cast<std::size_t>(row * width + columns[it->second])];
    const auto weight = weights.has_value() ? static_cast<float>((*weights)[it->second]) : 1.0F;
    if (mode == "IDF") {
      count = weight;
    } else {
      count += mode == "TF" ? 1.0F : weight;
    }
  };
  for (std::int64_t row = 0; row < rows; ++row) {
    for (std::int64_t n = shortest; n <= std::min(longest, length); ++n) {
      // A single word has nothing to skip.
      for (std::int64_t stride = 1; stride <= (n == 1 ? 1 : std::min(skips + 1, length)); ++stride) {
        for (std::int64_t start = 0; start + (n - 1) * stride < length; ++start)
          look_up(row, start, n, stride);
      }
    }
  }
  c.set(0, x.rank() == 2 ? tensor(out, {rows, width}) : tensor(out, {width}));
}

constexpr Operator kOperators[] = {
    {"TfIdfVectorizer", run_tf_idf, 1, 1},
};

}  // namespace

std::span<const Operator> text_operators() { return kOperators; }

}  // namespace gradus::onnx
