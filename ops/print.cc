// Tensors as text. The format is chosen for the whole tensor: from what will be shown, so that it also works
// where only the corners of a large tensor are.
#include "gradus/ops/print.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <ostream>
#include <vector>

#include "gradus/graph/describe.h"
#include "gradus/graph/node.h"

namespace gradus {
namespace {

class Printer {
 public:
  Printer(const Tensor& t, const PrintOptions& options)
      : precision_(std::max(options.precision, 0)),
        line_width_(options.line_width),
        edge_items_(std::max<std::int64_t>(options.edge_items, 0)),
        view_(t.view()),
        strides_(t.strides()),
        shortened_(view_.numel > options.threshold) {
    choose_format();
  }

  std::string text() {
    out_ = "tensor(";
    write_axis(0, 0);
    return std::move(out_);
  }

 private:
  // Indices of an axis that are shown; -1 stands for the gap.
  std::vector<std::int64_t> shown(int axis) const {
    const std::int64_t n = view_.dims[axis];
    std::vector<std::int64_t> indices;
    const std::int64_t edge = shortened_ && n > 2 * edge_items_ ? edge_items_ : n;
    for (std::int64_t i = 0; i < edge; ++i) indices.push_back(i);
    if (edge == n) return indices;
    indices.push_back(-1);
    for (std::int64_t i = n - edge; i < n; ++i) indices.push_back(i);
    return indices;
  }

  template <class F>
  void each_shown(int axis, std::int64_t offset, F& f) const {
    if (axis == view_.rank) return f(offset);
    for (std::int64_t i : shown(axis)) {
      if (i >= 0) each_shown(axis + 1, offset + i * strides_[axis], f);
    }
  }

  double real(std::int64_t offset) const {
    switch (view_.dtype) {
      case DType::f32:
        return view_.as<float>()[offset];
      case DType::f16:
        return view_.as<float16>()[offset];
      case DType::bf16:
        return view_.as<bfloat16>()[offset];
      default:
        return view_.as<double>()[offset];
    }
  }

  void choose_format() {
    if (is_floating(view_.dtype)) {
      double largest = 0, smallest = HUGE_VAL;  // magnitudes of finite numbers other than 0
      bool whole = true;
      auto look = [&](std::int64_t offset) {
        const double x = real(offset);
        if (!std::isfinite(x)) return;
        whole &= x == std::nearbyint(x);
        if (x == 0) return;
        largest = std::max(largest, std::abs(x));
        smallest = std::min(smallest, std::abs(x));
      };
      each_shown(0, 0, look);
      // Where fixed decimals would hide digits or be too long.
      scientific_ =
          largest > 0 && (largest >= 1e8 || (!whole && (largest / smallest > 1000 || smallest < 1e-4)));
      whole_ = whole && !scientific_;
    }
    auto measure = [&](std::int64_t offset) {
      width_ = std::max(width_, static_cast<int>(element(offset).size()));
    };
    each_shown(0, 0, measure);
  }

  std::string element(std::int64_t offset) const {
    switch (view_.dtype) {
      case DType::i32:
        return fmt::format("{}", view_.as<std::int32_t>()[offset]);
      case DType::i64:
        return fmt::format("{}", view_.as<std::int64_t>()[offset]);
      case DType::u8:
        return fmt::format("{}", view_.as<std::uint8_t>()[offset]);
      case DType::i8:
        return fmt::format("{}", view_.as<std::int8_t>()[offset]);
      case DType::i16:
        return fmt::format("{}", view_.as<std::int16_t>()[offset]);
      case DType::u16:
        return fmt::format("{}", view_.as<std::uint16_t>()[offset]);
      case DType::u32:
        return fmt::format("{}", view_.as<std::uint32_t>()[offset]);
      case DType::u64:
        return fmt::format("{}", view_.as<std::uint64_t>()[offset]);
      case DType::boolean:
        return view_.as<std::uint8_t>()[offset] != 0 ? "True" : "False";
      default:
        break;
    }
    const double x = real(offset);
    if (!std::isfinite(x)) return std::isnan(x) ? "nan" : x > 0 ? "inf" : "-inf";
    if (scientific_) return fmt::format("{:.{}e}", x, precision_);
    if (whole_) return fmt::format("{:.0f}.", x);
    return fmt::format("{:.{}f}", x, precision_);
  }

  void write_axis(int axis, std::int64_t offset) {
    if (axis == view_.rank) {
      out_ += element(offset);
      return;
    }
    const std::size_t indent = sizeof("tensor(") - 1 + static_cast<std::size_t>(axis) + 1;
    const bool innermost = axis + 1 == view_.rank;
    out_ += '[';
    std::size_t column = indent;
    bool first = true;
    for (std::int64_t i : shown(axis)) {
      const auto width = static_cast<std::size_t>(i < 0 ? 3 : width_);
      if (!first) {
        out_ += ',';
        const bool wraps = column + 2 + width + 1 > static_cast<std::size_t>(line_width_);
        if (innermost && !wraps) {
          out_ += ' ';
          column += 2;
        } else {
          // An empty line between matrices, two between what holds matrices, and so on.
          out_.append(innermost ? 1 : static_cast<std::size_t>(view_.rank - axis - 1), '\n');
          out_.append(indent, ' ');
          column = indent;
        }
      }
      first = false;
      if (i < 0) {
        out_ += "...";
        column += 3;
      } else if (innermost) {
        out_ += fmt::format("{:>{}}", element(offset + i * strides_[axis]), width_);
        column += width;
      } else {
        write_axis(axis + 1, offset + i * strides_[axis]);
      }
    }
    out_ += ']';
  }

  const int precision_, line_width_;
  const std::int64_t edge_items_;
  const View view_;
  const Shape strides_;
  const bool shortened_;
  bool scientific_ = false;
  bool whole_ = false;
  int width_ = 0;
  std::string out_;
};

}  // namespace

std::string to_string(const Tensor& t, PrintOptions options) {
  if (!t.defined()) return "tensor(undefined)";
  std::string text = Printer(t, options).text();
  text += fmt::format(", {}", describe(t.shape(), t.dtype()));
  if (!t.name().empty()) text += fmt::format(", name=\"{}\"", t.name());
  if (const Node* node = t.impl()->node) {
    text += fmt::format(", grad_fn={}", node->op->name);
  } else if (t.requires_grad()) {
    text += ", requires_grad";
  }
  return text + ")";
}

std::ostream& operator<<(std::ostream& os, const Tensor& t) { return os << to_string(t); }

}  // namespace gradus
