// Normalisations. The operators compute statistics in floats, so doubles are written as formulas.
#include "gradus/data/format/onnx/emit.h"
#include "gradus/data/format/onnx/writers.h"

namespace gradus::onnx {
namespace {

List sizes(const Shape& s) { return {s.begin(), s.end()}; }

// [C] as [1, C, 1, ..].
Id by_channel(Emit& e, Id x) {
  List shape(static_cast<std::size_t>(e.rank()), 1);
  shape[1] = e.size(1);
  return e.reshape(x, shape);
}

struct Standard {
  Id mean, variance, away;  // with the axes kept; x - mean
};
Standard standard(Emit& e, Id x, const List& axes) {
  const Id mean = e.reduce("ReduceMean", x, axes, true), away = e.sub(x, mean);
  return {mean, e.reduce("ReduceMean", e.mul(away, away), axes, true), away};
}
Id rstd(Emit& e, Id variance) {
  return e.op("Reciprocal", {e.op("Sqrt", {e.add(variance, e.number(e.real("eps")))})});
}

void batch_norm_eval(Emit& e) {
  if (!e.is_f64()) {
    return e.set(e.op("BatchNormalization", {e.in(0), e.in(1), e.in(2), e.in(3), e.in(4)},
                      {real("epsilon", e.real("eps"))}));
  }
  const Id factor = e.mul(rstd(e, e.in(4)), e.in(1));
  const Id away = e.sub(e.in(0), by_channel(e, e.in(3)));
  e.set(e.add(e.mul(away, by_channel(e, factor)), by_channel(e, e.in(2))));
}

void batch_norm(Emit& e) {
  List axes = iota(e.rank());
  axes.erase(axes.begin() + 1);
  const Standard s = standard(e, e.in(0), axes);
  const Id scaled = e.mul(e.mul(s.away, rstd(e, s.variance)), by_channel(e, e.in(1)));
  e.set(0, e.add(scaled, by_channel(e, e.in(2))));
  if (e.wants(1)) e.set(1, e.reshape(s.mean, sizes(e.out_shape(1))));
  if (e.wants(2)) e.set(2, e.reshape(s.variance, sizes(e.out_shape(2))));
}

void group_norm(Emit& e) {
  const std::int64_t groups = e.whole("num_groups");
  std::int64_t values = e.size(1) / groups;
  for (int a = 2; a < e.rank(); ++a) values *= e.size(a);
  const Standard s = standard(e, e.reshape(e.in(0), {e.size(0), groups, values}), {2});
  const Id r = rstd(e, s.variance);
  const Id y = e.reshape(e.mul(s.away, r), sizes(e.shape()));
  e.set(0, e.add(e.mul(y, by_channel(e, e.in(1))), by_channel(e, e.in(2))));
  if (e.wants(1)) e.set(1, e.reshape(s.mean, sizes(e.out_shape(1))));
  if (e.wants(2)) e.set(2, e.reshape(r, sizes(e.out_shape(2))));
}

void layer_norm(Emit& e) {
  const int first = e.rank() - e.rank(1);
  if (!e.is_f64()) {
    const bool statistics = e.wants(1) || e.wants(2);
    const auto y = e.ops("LayerNormalization", {e.in(0), e.in(1), e.in(2)}, statistics ? 3 : 1,
                         {whole("axis", first), real("epsilon", e.real("eps"))});
    e.set(0, y[0]);
    if (statistics) {
      e.set(1, y[1]);
      e.set(2, y[2]);
    }
    return;
  }
  const Standard s = standard(e, e.in(0), iota(e.rank(1), first));
  const Id r = rstd(e, s.variance);
  e.set(0, e.add(e.mul(e.mul(s.away, r), e.in(1)), e.in(2)));
  e.set(1, s.mean);
  e.set(2, r);
}

void rms_norm(Emit& e) {
  const List axes = iota(e.rank(1), e.rank() - e.rank(1));
  const Id r = rstd(e, e.reduce("ReduceMean", e.mul(e.in(0), e.in(0)), axes, true));
  e.set(0, e.mul(e.mul(e.in(0), r), e.in(1)));
  e.set(1, r);
}

constexpr OpWriter kWriters[] = {
    {"batch_norm", batch_norm}, {"batch_norm_eval", batch_norm_eval},
    {"group_norm", group_norm}, {"layer_norm", layer_norm},
    {"rms_norm", rms_norm},
};

}  // namespace

std::span<const OpWriter> norm_writers() { return kWriters; }

}  // namespace gradus::onnx
