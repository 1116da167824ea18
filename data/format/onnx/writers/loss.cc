// Losses, as the formulas that they are.
#include "gradus/data/format/onnx/writers.h"
#include "gradus/data/format/onnx/writers/math.h"

namespace gradus::onnx {
namespace {

// sum(losses) / count, for counts that may be 0.
Id mean_of(Emit& e, Id losses, int rank, Id count) {
  return e.div(rank == 0 ? losses : e.reduce("ReduceSum", losses, iota(rank), false), count);
}

// For each row, or their sum.
Id summed(Emit& e, Id losses, int rank) {
  return e.text("reduction") == "none" || rank == 0 ? losses
                                                    : e.reduce("ReduceSum", losses, iota(rank), false);
}

void mse_loss(Emit& e) {
  const Id difference = e.sub(e.in(0), e.in(1)), losses = e.mul(difference, difference);
  if (e.text("reduction") != "mean") return e.set(summed(e, losses, e.rank()));
  if (e.rank() == 0) return e.set(losses);
  if (e.shape().numel() > 0) return e.set(e.reduce("ReduceMean", losses, iota(e.rank()), false));
  e.set(mean_of(e, losses, e.rank(), e.number(0)));
}

void binary_cross_entropy(Emit& e) {
  const Id x = e.in(0), t = e.in(1), one = e.number(1), least = e.number(-100);
  const auto held = [&](Id log) { return e.where(e.op("Less", {log, least}), least, log); };
  const Id yes = held(e.op("Log", {x})), no = held(log1p(e, e.op("Neg", {x})));
  e.set(e.sub(e.mul(e.sub(t, one), no), e.mul(t, yes)));
}

void binary_cross_entropy_with_logits(Emit& e) {
  // max(x, 0) - x t + log(1 + e^-|x|)
  const Id x = e.in(0), t = e.in(1), fall = e.op("Exp", {e.op("Neg", {e.op("Abs", {x})})});
  e.set(e.add(e.sub(e.op("Relu", {x}), e.mul(x, t)), log1p(e, fall)));
}

void cross_entropy(Emit& e) {
  const double smoothing = e.real("label_smoothing");
  const int rows = e.rank() - 1;
  const Id log_p = e.op("LogSoftmax", {e.in(0)}, {whole("axis", rows)});
  Id labels = e.in(1), counts = kNone;
  if (e.flag("ignores")) {
    counts = e.op("Not", {e.op("Equal", {labels, e.index(e.whole("ignore_index"))})});
    labels = e.where(counts, labels, e.index(0));
  }
  const Id column = e.op("Unsqueeze", {labels, e.wholes({rows})});
  Id picked = e.op("GatherElements", {log_p, column}, {whole("axis", rows)});
  picked = e.op("Squeeze", {picked, e.wholes({rows})});
  Id losses = e.op("Neg", {picked});
  if (smoothing != 0) {
    const Id all = e.reduce("ReduceSum", log_p, {rows}, false);
    const double each = smoothing / static_cast<double>(e.size(rows));
    losses = e.sub(e.mul(losses, e.number(1 - smoothing)), e.mul(all, e.number(each)));
  }
  if (counts != kNone) losses = e.where(counts, losses, e.number(0));
  if (e.text("reduction") != "mean") return e.set(summed(e, losses, rows));
  if (counts == kNone) {
    return e.set(mean_of(e, losses, rows, e.number(static_cast<double>(e.tensor(1).numel()))));
  }
  const Id ones = e.cast(counts, e.dtype());
  e.set(mean_of(e, losses, rows, rows == 0 ? ones : e.reduce("ReduceSum", ones, iota(rows), false)));
}

void soft_cross_entropy(Emit& e) {
  const double smoothing = e.real("label_smoothing");
  const int rows = e.rank() - 1;
  const Id log_p = e.op("LogSoftmax", {e.in(0)}, {whole("axis", rows)});
  Id t = e.in(1);
  if (smoothing != 0) {
    const double each = smoothing / static_cast<double>(e.size(rows));
    t = e.add(e.mul(t, e.number(1 - smoothing)), e.number(each));
  }
  const Id losses = e.op("Neg", {e.reduce("ReduceSum", e.mul(t, log_p), {rows}, false)});
  if (e.text("reduction") != "mean") return e.set(summed(e, losses, rows));
  const std::int64_t count = e.shape().numel() / e.size(rows);
  e.set(mean_of(e, losses, rows, e.number(static_cast<double>(count))));
}

constexpr OpWriter kWriters[] = {
    {"binary_cross_entropy", binary_cross_entropy},
    {"binary_cross_entropy_with_logits", binary_cross_entropy_with_logits},
    {"cross_entropy", cross_entropy},
    {"mse_loss", mse_loss},
    {"soft_cross_entropy", soft_cross_entropy},
};

}  // namespace

std::span<const OpWriter> loss_writers() { return kWriters; }

}  // namespace gradus::onnx
