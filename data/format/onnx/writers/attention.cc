// Attention, as products and a softmax.
#include <limits>

#include "gradus/data/format/onnx/emit.h"
#include "gradus/data/format/onnx/writers.h"
#include "gradus/ops/creation.h"

namespace gradus::onnx {
namespace {

// Keys or values for as many heads as the queries have.
Id repeated_heads(Emit& e, int i) {
  const int rank = e.rank(i), heads = rank - 3;
  const Shape shape = e.shape(i);
  if (rank < 3 || shape[heads] == e.size(heads)) return e.in(i);
  List split(shape.begin(), shape.end()), repeated, joined = split;
  split.insert(split.begin() + heads + 1, 1);
  repeated = split;
  repeated[static_cast<std::size_t>(heads) + 1] = e.size(heads) / shape[heads];
  joined[static_cast<std::size_t>(heads)] = e.size(heads);
  return e.reshape(e.op("Expand", {e.reshape(e.in(i), split), e.wholes(repeated)}), joined);
}

bool is_no_mask(const Emit& e) {
  const Tensor& mask = e.tensor(3);
  return !e.is_open(3) && mask.rank() == 0 && mask.dtype() == DType::boolean && mask.item<bool>();
}

void attention(Emit& e) {
  if (e.real("dropout_p") != 0) e.refuse("its dropout draws random numbers; put the model in eval mode");
  const double inf = std::numeric_limits<double>::infinity();
  const int rank = e.rank();
  const std::int64_t queries = e.size(rank - 2), keys = e.size(rank - 2, 1);
  List order = iota(rank);
  std::swap(order[order.size() - 1], order[order.size() - 2]);
  const Id key = e.transpose(repeated_heads(e, 1), order);
  Id scores = e.op("MatMul", {e.mul(e.in(0), e.number(e.real("scale"))), key});
  const bool masks = !is_no_mask(e);
  if (masks) {
    scores = e.dtype(3) == DType::boolean ? e.where(e.in(3), scores, e.number(-inf)) : e.add(scores, e.in(3));
  }
  if (e.flag("is_causal")) {
    Tensor sees = empty({queries, keys}, DType::boolean);
    auto* s = static_cast<std::uint8_t*>(sees.impl()->data);
    for (std::int64_t i = 0; i < queries * keys; ++i) s[i] = i % keys <= i / keys;
    scores = e.where(e.constant(sees), scores, e.number(-inf));
  }
  Id weights = kNone, sum = kNone;
  if (!masks && keys > 0) {
    weights = e.op("Softmax", {scores}, {whole("axis", rank - 1)});
    if (e.wants(1)) sum = e.reduce("ReduceLogSumExp", scores, {rank - 1}, false);
  } else if (keys == 0) {
    weights = scores;  // of no keys
    const Shape rows = e.out_shape(1);
    if (e.wants(1)) sum = e.op("Expand", {e.number(inf), e.wholes({rows.begin(), rows.end()})});
  } else {
    // A row that sees nothing gets 0, and inf as the logarithm of its sum.
    const Id most = e.reduce("ReduceMax", scores, {rank - 1}, true);
    const Id blind = e.op("Equal", {most, e.number(-inf)});
    const Id power = e.op("Exp", {e.sub(scores, e.where(blind, e.number(0), most))});
    const Id total = e.where(blind, e.number(1), e.reduce("ReduceSum", power, {rank - 1}, true));
    weights = e.div(power, total);
    if (e.wants(1)) {
      const Id log = e.where(blind, e.number(inf), e.add(most, e.op("Log", {total})));
      sum = e.op("Squeeze", {log, e.wholes({rank - 1})});
    }
  }
  e.set(0, e.op("MatMul", {weights, repeated_heads(e, 2)}));
  if (e.wants(1)) e.set(1, sum);
}

constexpr OpWriter kWriters[] = {
    {"scaled_dot_product_attention", attention},
};

}  // namespace

std::span<const OpWriter> attention_writers() { return kWriters; }

}  // namespace gradus::onnx
