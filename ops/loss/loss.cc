#include "gradus/ops/loss/loss.h"

#include "gradus/base/format.h"
#include "gradus/graph/describe.h"
#include "gradus/ops/elementwise/conversion.h"
#include "gradus/ops/indexing/gather.h"
#include "gradus/ops/view.h"

namespace gradus {

namespace {

std::string format(const Shape& s) { return format_shape({s.data(), static_cast<std::size_t>(s.rank())}); }

Shape rows_of(const InferContext& c, int i) {
  Shape s = c.shape(i);
  s.pop_back();
  return s;
}

void require_options(const InferContext& c) {
  const auto& a = c.attrs<CrossEntropyAttrs>();
  if (!(a.label_smoothing >= 0 && a.label_smoothing <= 1)) {
    c.value_error(fmt::format("label_smoothing is {}; it must lie in 0..1", a.label_smoothing));
  }
}

void require_scores(const InferContext& c, int i) {
  c.require_floating(i);
  if (c.rank(i) == 0) c.shape_error(fmt::format("needs an axis of classes: {}", c.describe(i)));
  if (c.dim(i, c.rank(i) - 1) == 0) c.shape_error(fmt::format("there are no classes: {}", c.describe(i)));
  require_options(c);
}

}  // namespace

const char* to_string(Reduction r) {
  switch (r) {
    case Reduction::none:
      return "none";
    case Reduction::sum:
      return "sum";
    case Reduction::mean:
      break;
  }
  return "mean";
}

Reduction to_reduction(const char* name) {
  return name[0] == 'n' ? Reduction::none : name[0] == 's' ? Reduction::sum : Reduction::mean;
}

void require_labels(const InferContext& c, int i) {
  require_scores(c, i);
  if (c.dtype(i + 1) != DType::i64) {
    c.dtype_error(fmt::format("labels are i64 integers: {}", c.describe(i + 1)));
  }
  if (c.shape(i + 1) != rows_of(c, i)) {
    c.shape_error(fmt::format("there is one label for each row of classes: {}, {}; target must be {}",
                              c.describe(i), c.describe(i + 1), format(rows_of(c, i))));
  }
}

void require_probabilities(const InferContext& c, int i) {
  require_scores(c, i);
  if (c.shape(i + 1) != c.shape(i)) {
    c.shape_error(
        fmt::format("there is one probability for each score: {}, {}; nothing is broadcast, and labels are "
                    "integers",
                    c.describe(i), c.describe(i + 1)));
  }
  if (c.dtype(i) != c.dtype(i + 1)) {
    c.dtype_error(
        fmt::format("dtypes differ: {}, {}; convert one with astype()", c.describe(i), c.describe(i + 1)));
  }
}

void require_cotangent(const InferContext& c, int input, const char* reduction) {
  const Shape shape = to_reduction(reduction) == Reduction::none ? rows_of(c, input) : Shape{};
  if (c.shape(0) != shape || c.dtype(0) != c.dtype(input)) {
    c.shape_error(fmt::format("the cotangent has not the loss's shape {}: {}", format(shape), c.describe(0)));
  }
}

void set_out_loss(InferContext& c, int input, const char* reduction) {
  c.set_out(0, c.dtype(input), to_reduction(reduction) == Reduction::none ? rows_of(c, input) : Shape{});
}

ClassRows classes_last(Operand input, Operand target, const char* op) {
  ClassRows r{Tensor::share(input.impl), Tensor::share(target.impl)};
  const bool soft = is_floating(r.target.dtype());
  if (!soft && r.target.dtype() != DType::i64 && r.target.dtype() != DType::boolean) {
    r.target = astype(Operand(r.target, target.where), DType::i64);
  }
  if (r.input.rank() <= 2) return r;
  Shape wanted;
  for (int k = 0; k < r.input.rank(); ++k) {
    if (soft || k != 1) wanted.push_back(r.input.size(k));
  }
  if (r.target.shape() != wanted) {
    throw_error<ShapeError>(input.where, op,
                            "classes are on axis 1 of input {}: target must be {}, and is {}",
                            describe(r.input), format(wanted), describe(r.target));
  }
  r.input = movedim(Operand(r.input, input.where), 1, -1);
  if (soft) r.target = movedim(Operand(r.target, input.where), 1, -1);
  return r;
}

void check_weight(const Tensor& weight, const Tensor& input, const char* op, Location where) {
  const std::int64_t classes = input.rank() == 0 ? 0 : input.size(-1);
  if (weight.rank() != 1 || weight.size(0) != classes) {
    throw_error<ShapeError>(where, op, "there is one weight for each of the {} classes: weight {}", classes,
                            describe(weight));
  }
  if (weight.dtype() != input.dtype()) {
    throw_error<DtypeError>(where, op, "dtypes differ: input {}, weight {}; convert one with astype()",
                            describe(input), describe(weight));
  }
}

void check_labels(const View& labels, std::int64_t classes, std::optional<std::int64_t> ignored,
                  const char* op, Location where) {
  const auto check = [&](std::int64_t value, std::int64_t position) {
    if (static_cast<std::uint64_t>(value) < static_cast<std::uint64_t>(classes) || value == ignored)
        [[likely]]
      return;
    throw_error<ValueError>(where, op,
                            "label {} at {} of target is out of range: there are the classes 0..{}; pass "
                            ".ignore_index = {} if it marks rows that do not count",
                            value, format_place(labels, position), classes - 1, value);
  };
  const std::int64_t* p = labels.as<const std::int64_t>();
  if (labels.strides == nullptr) {
    for (std::int64_t i = 0; i < labels.numel; ++i) check(p[i], i);
    return;
  }
  for (std::int64_t i = 0; i < labels.numel; ++i) check(p[offset_of(labels, i)], i);
}

}  // namespace gradus
