// ctc_loss: -log of the probability that a sequence of classes collapses to the target, when repeated classes
// are merged and blanks dropped: the sum over all alignments by the forward recursion in logarithms. A.
// Graves et al., "Connectionist Temporal Classification" (2006), equations 6 and 7. With the target l
// interleaved with blanks,
//   alpha_t(s) = y_t(l_s) (alpha_{t-1}(s) + alpha_{t-1}(s-1) + [l_s is no blank and not l_{s-2}]
//   alpha_{t-1}(s-2)).
// Put together from ops, all sequences at once and one step of the recursion after the other, so that
// derivatives of every order come from the ops. kNever stands for log(0): finite, so that no difference of
// infinities arises.
#include <algorithm>
#include <limits>
#include <vector>

#include "gradus/base/format.h"
#include "gradus/graph/describe.h"
#include "gradus/ops/creation.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/elementwise/comparison.h"
#include "gradus/ops/elementwise/conversion.h"
#include "gradus/ops/indexing.h"
#include "gradus/ops/join.h"
#include "gradus/ops/loss/compose.h"
#include "gradus/ops/reduction.h"
#include "gradus/ops/view.h"

namespace gradus {
namespace {

constexpr const char* kOp = "ctc_loss";
constexpr double kNever = -1e30;

std::vector<std::int64_t> lengths(const Tensor& t, const char* name, std::int64_t count, std::int64_t least,
                                  std::int64_t most, Location where) {
  if (t.dtype() != DType::i64 || t.numel() != count) {
    throw_error<ShapeError>(where, kOp, "there is one i64 length for each of the {} sequences: {} {}", count,
                            name, describe(t));
  }
  std::vector<std::int64_t> v = t.to_vector<std::int64_t>();
  for (std::size_t i = 0; i < v.size(); ++i) {
    if (v[i] >= least && v[i] <= most) continue;
    throw_error<ValueError>(where, kOp, "the length {} at [{}] of {} is outside {}..{}", v[i], i, name, least,
                            most);
  }
  return v;
}

// The targets with blanks before, between and behind the labels, [N, 2 S + 1]; blanks fill the shorter ones.
struct Interleaved {
  Tensor labels;    // i64
  Tensor may_skip;  // bool: the recursion may come from two places before
  Tensor starts;    // bool: the first two places
  Tensor ends;      // bool: the last two places of each target
};

Interleaved interleave(const Tensor& targets, const std::vector<std::int64_t>& target_lengths,
                       std::int64_t classes, std::int64_t blank, Location where) {
  const auto rows = static_cast<std::int64_t>(target_lengths.size());
  const bool padded = targets.rank() == 2;
  std::int64_t longest = 0, total = 0;
  for (const std::int64_t n : target_lengths) {
    longest = std::max(longest, n);
    total += n;
  }
  if (padded ? targets.size(0) != rows || targets.size(1) < longest
             : targets.rank() != 1 || targets.numel() != total) {
    throw_error<ShapeError>(
        where, kOp,
        "targets are [N, S] or, one behind the other, [sum of target_lengths]: targets {}, {} "
        "lengths, the longest {}, their sum {}",
        describe(targets), rows, longest, total);
  }
  const std::vector<std::int64_t> given = targets.to_vector<std::int64_t>();
  const std::int64_t width = 2 * longest + 1;
  const Shape shape{rows, width};
  Interleaved r{full(shape, blank, DType::i64), empty(shape, DType::boolean), empty(shape, DType::boolean),
                empty(shape, DType::boolean)};
  auto* labels = static_cast<std::int64_t*>(r.labels.view().data);
  auto* may_skip = static_cast<std::uint8_t*>(r.may_skip.view().data);
  auto* starts = static_cast<std::uint8_t*>(r.starts.view().data);
  auto* ends = static_cast<std::uint8_t*>(r.ends.view().data);
  std::int64_t next = 0;
  for (std::int64_t n = 0; n < rows; ++n) {
    const std::int64_t length = target_lengths[static_cast<std::size_t>(n)];
    if (padded) next = n * targets.size(1);
    for (std::int64_t k = 0; k < length; ++k, ++next) {
      const std::int64_t label = given[static_cast<std::size_t>(next)];
      if (label < 0 || label >= classes || label == blank) {
        throw_error<ValueError>(
            where, kOp,
            "label {} of sequence {} is out of range: there are the classes 0..{} without the "
            "blank {}",
            label, n, classes - 1, blank);
      }
      labels[n * width + 2 * k + 1] = label;
    }
    for (std::int64_t s = 0; s < width; ++s) {
      const std::int64_t* l = labels + n * width + s;
      may_skip[n * width + s] = s >= 2 && *l != blank && *l != l[-2];
      starts[n * width + s] = s < 2;
      ends[n * width + s] = s == 2 * length || s == 2 * length - 1;
    }
  }
  return r;
}

// alpha moved `by` places to the right along its last axis.
Tensor shifted(const Tensor& alpha, std::int64_t by, At at) {
  const std::int64_t width = alpha.size(1), in = std::min(by, width);
  const Tensor front = full({alpha.size(0), in}, kNever, alpha.dtype(), at.where);
  return concat({front, slice(at(alpha), 1, 0, width - in)}, 1, at.where);
}

}  // namespace

Tensor ctc_loss(Operand log_probs, Operand targets, Operand input_lengths, Operand target_lengths,
                const CtcLossOptions& options) {
  const At at{log_probs.where};
  Tensor x = held(log_probs), labels = held(targets);
  const Tensor given_inputs = held(input_lengths), given_targets = held(target_lengths);
  if (!is_floating(x.dtype()) || labels.dtype() != DType::i64) {
    throw_error<DtypeError>(at.where, kOp,
                            "takes floating-point logarithms and i64 labels: log_probs {}, targets {}",
                            describe(x), describe(labels));
  }
  const bool single = x.rank() == 2;
  if (single) x = unsqueeze(at(x), 1);
  if (x.rank() != 3 || x.numel() == 0) {
    throw_error<ShapeError>(at.where, kOp, "takes log_probs [T, N, C] or [T, C], not empty: log_probs {}",
                            describe(*log_probs.impl));
  }
  const std::int64_t steps = x.size(0), rows = x.size(1), classes = x.size(2);
  if (options.blank < 0 || options.blank >= classes) {
    throw_error<ValueError>(at.where, kOp, "the blank {} is outside the classes 0..{}", options.blank,
                            classes - 1);
  }
  const auto input_length = lengths(given_inputs, "input_lengths", rows, 1, steps, at.where);
  const auto target_length = lengths(given_targets, "target_lengths", rows, 0,
                                     std::numeric_limits<std::int64_t>::max() / 4 / rows, at.where);
  const Interleaved l = interleave(labels, target_length, classes, options.blank, at.where);
  const std::int64_t width = l.labels.size(1);

  const Tensor index = expand(unsqueeze(l.labels, 0), {steps, rows, width});
  const Tensor emitted = maximum(at(gather(at(x), 2, at(index))), kNever);
  Tensor alpha = where(at(l.starts), at(select(at(emitted), 0, 0)), kNever);
  for (std::int64_t t = 1; t < steps; ++t) {
    const Tensor skipped = where(at(l.may_skip), at(shifted(alpha, 2, at)), kNever);
    const Tensor paths = stack({alpha, shifted(alpha, 1, at), skipped}, 0, at.where);
    const Tensor next = add(at(select(at(emitted), 0, t)), at(logsumexp(at(paths), 0)));
    Tensor runs = empty({rows, 1}, DType::boolean);
    for (std::int64_t n = 0; n < rows; ++n) {
      static_cast<std::uint8_t*>(runs.view().data)[n] = t < input_length[static_cast<std::size_t>(n)];
    }
    alpha = where(at(runs), at(next), at(alpha));
  }
  Tensor losses = neg(at(logsumexp(at(where(at(l.ends), at(alpha), kNever)), 1)));
  const Tensor possible = lt(at(losses), -0.5 * kNever);
  losses =
      where(at(possible), at(losses), options.zero_infinity ? 0 : std::numeric_limits<double>::infinity());

  if (options.reduction == Reduction::mean) {
    Tensor counts = empty({rows}, DType::f64);
    std::transform(target_length.begin(), target_length.end(), static_cast<double*>(counts.view().data),
                   [](std::int64_t n) { return static_cast<double>(std::max<std::int64_t>(n, 1)); });
    losses = div(at(losses), at(astype(counts, x.dtype())));
  }
  if (single) losses = squeeze(at(losses), 0);
  return reduced(losses, options.reduction, at);
}

}  // namespace gradus
