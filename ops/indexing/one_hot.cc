// one_hot: for each label a row of i64 numbers, 1 at the label and 0 elsewhere.
#include "gradus/ops/indexing/one_hot.h"

#include "gradus/base/format.h"
#include "gradus/graph/samples.h"
#include "gradus/ops/indexing.h"
#include "gradus/ops/indexing/gather.h"
#include "gradus/ops/kernels/copy.h"
#include "gradus/ops/kernels/index.h"

namespace gradus {
namespace {

void infer(InferContext& c) {
  require_index(c, 0);
  const std::int64_t classes = c.attrs<OneHotAttrs>().classes;
  if (classes < 1) c.value_error(fmt::format("takes at least one class, not {}", classes));
  Shape shape = c.shape(0);
  shape.push_back(classes);
  c.set_out(0, DType::i64, shape);
}

void kernel(KernelContext& c) {
  const View& y = c.out[0];
  check_range(c, 0, c.attrs<OneHotAttrs>().classes, "a row of the result");
  const std::int64_t zero = 0, one = 1;
  kernels::fill(y, &zero);
  // The labels as [.., 1] index one 1 a row.
  std::int64_t dims[kMaxRank], strides[kMaxRank], no_strides[kMaxRank] = {};
  View index = c.in[0];
  std::int64_t step = 1;
  for (int k = index.rank - 1; k >= 0; --k) {
    dims[k] = index.dims[k];
    strides[k] = index.strides != nullptr ? index.strides[k] : step;
    step *= dims[k];
  }
  dims[index.rank] = 1;
  strides[index.rank] = 0;
  index.dims = dims;
  index.strides = strides;
  ++index.rank;
  View source = index;
  source.data = const_cast<std::int64_t*>(&one);
  source.strides = no_strides;
  kernels::scatter_add(y, y.rank - 1, index, source);
}

void samples(SampleSink& s) {
  s.add({SampleSink::i64({3}, {2, 0, 3})}, OneHotAttrs{4});
  s.add({SampleSink::i64({2, 2}, {0, 1, 1, 0})}, OneHotAttrs{2});
  s.add({SampleSink::i64({}, {0})}, OneHotAttrs{1}, {.note = "scalar"});
  s.add({SampleSink::i64({0}, {})}, OneHotAttrs{3}, {.note = "empty"});
  s.add_error({SampleSink::i64({3}, {2, 0, 3})}, OneHotAttrs{3},
              "one_hot: index 3 at [2] of input is out of range: a row of the result has the places 0..2");
  s.add_error({SampleSink::i64({1}, {0})}, OneHotAttrs{0}, "one_hot: takes at least one class, not 0");
}

constexpr const char* kInputs[] = {"input"};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(OneHotAttrs, classes, nullptr)};

}  // namespace

extern constinit const OpDef op_one_hot = {
    .name = "one_hot",
    .doc = "for each label a row of i64 numbers, 1 at the label and 0 elsewhere",
    .inputs = kInputs,
    .attrs = kAttrs,
    .infer = infer,
    .kernel = kernel,
    .no_gradient = "labels and counts are whole numbers",
    .samples = samples,
    .onnx = "OneHot",
    .formula = "y[i, j] = 1 if x[i] = j, else 0",
};

Tensor one_hot(Operand input, std::int64_t classes) {
  return apply(op_one_hot, {input}, OneHotAttrs{classes});
}

}  // namespace gradus
