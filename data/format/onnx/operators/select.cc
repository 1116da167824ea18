// Choosing elements by value or condition.
#include <algorithm>
#include <map>

#include "gradus/base/format.h"
#include "gradus/data/format/onnx/call.h"
#include "gradus/data/format/onnx/operators.h"
#include "gradus/data/format/onnx/operators/integers.h"
#include "gradus/ops/creation.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/indexing.h"
#include "gradus/ops/view.h"

namespace gradus::onnx {
namespace {

void run_one_hot(Call& c) {
  const Tensor& indices = c.in(0);
  const double depth_given = c.real_in(1);
  if (!(depth_given >= 1 && depth_given <= static_cast<double>(kMaxElements)))
    c.fail("the depth is {}", depth_given);
  const auto depth = static_cast<std::int64_t>(depth_given);
  const Tensor& values = c.in(2);
  const std::int64_t rank = indices.rank() + 1;
  const std::int64_t axis = c.axis(c.whole("axis", -1), rank);
  if (values.rank() != 1 || values.size(0) != 2)
    c.fail("values {} are no pair", format_shape(values.shape()));
  const Shape given = indices.shape();
  std::vector<std::int64_t> dims(given.begin(), given.end());
  dims.insert(dims.begin() + axis, depth);
  c.made_up_shape(dims);
  std::vector<std::int64_t> places = whole_numbers(indices);
  for (std::int64_t& p : places) p += p < 0 ? depth : 0;
  std::vector<std::int64_t> line(static_cast<std::size_t>(rank), 1);
  line[static_cast<std::size_t>(axis)] = depth;
  const Tensor hit =
      eq(unsqueeze(index_tensor(places, indices.shape()), axis), reshape(arange(depth), Shape(line)));
  c.set(0, where(hit, select(values, 0, 1), select(values, 0, 0)), c.type(2));
}

void run_compress(Call& c) {
  const bool along = c.has_attribute("axis");
  const Tensor x = along ? c.in(0) : flatten(c.in(0));
  const std::int64_t axis = c.axis(c.whole("axis", 0), x.rank());
  const std::vector<std::int64_t> condition = whole_numbers(c.in(1));
  if (static_cast<std::int64_t>(condition.size()) > x.size(static_cast<int>(axis))) {
    c.fail("the condition has {} elements for an axis of size {}", condition.size(),
           x.size(static_cast<int>(axis)));
  }
  std::vector<std::int64_t> places;
  for (std::size_t i = 0; i < condition.size(); ++i) {
    if (condition[i] != 0) places.push_back(static_cast<std::int64_t>(i));
  }
  c.set(0, index_select(x, axis, index_tensor(places)), c.type(0));
}

void run_non_zero(Call& c) {
  // gradus has one place a row, the format one a column.
  c.set(0, contiguous(transpose(nonzero(c.in(0)), 0, 1)), ElementType::i64);
}

// Rows of a matrix that are equal count once.
template <class T>
void find_unique(Call& c, const Tensor& rows, std::int64_t axis, bool along) {
  const std::int64_t count = rows.size(0);
  const std::vector<T> all = rows.to_vector<T>();
  const std::int64_t width = count > 0 ? static_cast<std::int64_t>(all.size()) / count : 0;
  std::map<std::vector<T>, std::int64_t> numbers;  // of each row, in the order of their first places
  std::vector<std::int64_t> first, counts, inverse;
  for (std::int64_t r = 0; r < count; ++r) {
    const std::vector<T> row(all.begin() + r * width, all.begin() + (r + 1) * width);
    const auto [it, is_new] = numbers.emplace(row, static_cast<std::int64_t>(first.size()));
    if (is_new) {
      first.push_back(r);
      counts.push_back(0);
    }
    ++counts[static_cast<std::size_t>(it->second)];
    inverse.push_back(it->second);
  }
  if (c.flag("sorted", true)) {
    std::vector<std::int64_t> rank(first.size()), new_first, new_counts;
    for (const auto& [row, number] : numbers) {
      rank[static_cast<std::size_t>(number)] = static_cast<std::int64_t>(new_first.size());
      new_first.push_back(first[static_cast<std::size_t>(number)]);
      new_counts.push_back(counts[static_cast<std::size_t>(number)]);
    }
    for (std::int64_t& i : inverse) i = rank[static_cast<std::size_t>(i)];
    first = std::move(new_first);
    counts = std::move(new_counts);
  }
  const Tensor x = along ? c.in(0) : flatten(c.in(0));
  c.set(0, index_select(x, axis, index_tensor(first)), c.type(0));
  c.set(1, index_tensor(first), ElementType::i64);
  c.set(2, index_tensor(inverse), ElementType::i64);
  c.set(3, index_tensor(counts), ElementType::i64);
}

void run_unique(Call& c) {
  const bool along = c.has_attribute("axis");
  const Tensor x = along ? c.in(0) : flatten(c.in(0));
  const std::int64_t axis = c.axis(c.whole("axis", 0), x.rank());
  const Tensor rows = movedim(x, axis, 0);
  if (!is_floating(x.dtype())) return find_unique<std::int64_t>(c, astype(rows, DType::i64), axis, along);
  const Tensor numbers = astype(rows, DType::f64);
  for (const double v : numbers.to_vector<double>()) {
    if (v != v) c.unsupported("Unique of NaN");
  }
  find_unique<double>(c, numbers, axis, along);
}

constexpr Operator kOperators[] = {
    {"OneHot", run_one_hot, 3, 3},
    {"Compress", run_compress, 2, 2},
    {"NonZero", run_non_zero, 1, 1},
    {"Unique", run_unique, 1, 1},
};

}  // namespace

std::span<const Operator> select_operators() { return kOperators; }

}  // namespace gradus::onnx
