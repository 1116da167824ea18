// dropout: y = x / (1 - p) where word i of the stream is at least p 2^32, otherwise 0, for element i in
// row-major order. Dropped is exactly 0, beside NaN and infinity too. Derivative: linear, so dropout of the
// cotangent with the same stream; nothing is kept. Source: Srivastava et al.: "Dropout: a simple way to
// prevent neural networks from overfitting", 2014.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/random/dropout.cc"
#include "gradus/ops/kernels/simd-inl.h"

GRADUS_SIMD_BEGIN

// In place where x == y.
void dropout_f32(const float* x, const std::uint32_t* words, float* y, std::size_t n, std::uint32_t threshold,
                 float scale) {
  const hn::ScalableTag<float> d;
  const hn::RebindToUnsigned<decltype(d)> du;
  const auto limit = hn::Set(du, threshold);
  const auto factor = hn::Set(d, scale);
  const std::size_t lanes = hn::Lanes(d);
  std::size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const auto dropped = hn::RebindMask(d, hn::Lt(hn::LoadU(du, words + i), limit));
    hn::StoreU(hn::IfThenZeroElse(dropped, hn::Mul(hn::LoadU(d, x + i), factor)), d, y + i);
  }
  if (i < n) {
    const auto dropped = hn::RebindMask(d, hn::Lt(load_first(du, words + i, n - i), limit));
    store_first(hn::IfThenZeroElse(dropped, hn::Mul(load_first(d, x + i, n - i), factor)), d, y + i, n - i);
  }
}

GRADUS_SIMD_END

#if HWY_ONCE
#include <fmt/format.h>

#include <algorithm>

#include "gradus/base/format.h"
#include "gradus/base/parallel.h"
#include "gradus/graph/samples.h"
#include "gradus/ops/kernels/copy.h"
#include "gradus/ops/random.h"
#include "gradus/ops/random/attrs.h"

namespace gradus::kernels {
GRADUS_EXPORT(dropout_f32);
}  // namespace gradus::kernels

namespace gradus {

extern const OpDef op_dropout;

namespace {

void infer(InferContext& c) {
  c.require_floating(0);
  const double p = c.attrs<DropoutAttrs>().p;
  if (!(p >= 0 && p < 1)) {
    c.value_error(fmt::format("p is {}; it lies in [0, 1), since what is kept is divided by 1 - p", p));
  }
  c.set_out_like(0, 0);
}

void drop(const float* x, const std::uint32_t* words, float* y, std::size_t n, std::uint32_t threshold,
          double scale) {
  kernels::k_dropout_f32.get()(x, words, y, n, threshold, static_cast<float>(scale));
}

void drop(const double* x, const std::uint32_t* words, double* y, std::size_t n, std::uint32_t threshold,
          double scale) {
  for (std::size_t i = 0; i < n; ++i) y[i] = words[i] >= threshold ? x[i] * scale : 0.0;
}

template <class T>
void run(KernelContext& c) {
  const auto& attrs = c.attrs<DropoutAttrs>();
  const RandomStream stream{attrs.seed, attrs.counter};
  const auto threshold = static_cast<std::uint32_t>(std::min(attrs.p * 0x1p32, 0x1p32 - 1));
  const double scale = 1 / (1 - attrs.p);
  const View& out = c.out[0];
  View x = c.in[0];
  if (x.strides != nullptr) {
    kernels::copy(x, out);
    x = out;
  }
  const T* from = x.as<T>();
  T* to = out.as<T>();
  constexpr std::int64_t kGrain = 16384;
  parallel_for(out.numel, kGrain, [&](std::int64_t begin, std::int64_t end) {
    std::uint32_t words[1024];
    constexpr auto kChunk = static_cast<std::int64_t>(std::size(words));
    for (std::int64_t i = begin; i < end; i += kChunk) {
      const auto n = static_cast<std::size_t>(std::min(kChunk, end - i));
      fill_words(stream, static_cast<std::uint64_t>(i), std::span(words, n));
      drop(from + i, words, to + i, n, threshold, scale);
    }
  });
}

void kernel(KernelContext& c) {
  if (c.out[0].dtype == DType::f32) {
    run<float>(c);
  } else {
    run<double>(c);
  }
}

void rule(RuleContext& c) { c.set(0, apply(op_dropout, {c.grad()}, c.attrs<DropoutAttrs>())); }

void samples(SampleSink& s) {
  s.add({s.values({4, 5})}, DropoutAttrs{0.5, 3, 0});
  s.add({s.values({33})}, DropoutAttrs{0.25, 9, 1000});
  s.add({s.values({6})}, DropoutAttrs{0, 1, 0}, {.note = "p = 0"});
  s.add({s.values({})}, DropoutAttrs{0.9, 1, 2}, {.note = "scalar"});
  s.add({s.values({0, 2})}, DropoutAttrs{0.5, 1, 2}, {.note = "empty"});
  s.add_error({s.values({3})}, DropoutAttrs{1, 1, 0},
              "dropout: p is 1; it lies in [0, 1), since what is kept is divided by 1 - p");
  s.add_error({s.values({3})}, DropoutAttrs{-0.5, 1, 0},
              "dropout: p is -0.5; it lies in [0, 1), since what is kept is divided by 1 - p");
  s.add_error({s.i64({1}, {1})}, DropoutAttrs{0.5, 1, 0},
              "dropout: takes floating-point numbers: x [1] i64; convert it with astype(x, DType::f32)");
}

constexpr const char* kInputs[] = {"x"};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(DropoutAttrs, p, "0.5"), GRADUS_ATTR(DropoutAttrs, seed, nullptr),
                              GRADUS_ATTR(DropoutAttrs, counter, nullptr)};

}  // namespace

extern constinit const OpDef op_dropout = {
    .name = "dropout",
    .doc = "zero with probability p, x / (1 - p) otherwise",
    .inputs = kInputs,
    .attrs = kAttrs,
    .flags = kRandom,
    .infer = infer,
    .kernel = kernel,
    .rule = rule,
    .samples = samples,
    .onnx = "Dropout",
};

Tensor dropout(Operand x, double p, bool training, Generator* generator) {
  if (!(p >= 0 && p < 1)) {
    throw_error<ValueError>(x.where, "dropout",
                            "p is {}; it lies in [0, 1), since what is kept is divided by 1 - p", p);
  }
  if (x.impl == nullptr) return apply(op_dropout, {x}, DropoutAttrs{p, 0, 0});  // which says so
  if (!training || p == 0) return Tensor::share(x.impl);
  const RandomStream stream =
      reserve_from(generator, blocks_for_words(static_cast<std::uint64_t>(x.impl->numel)));
  return apply(op_dropout, {x}, DropoutAttrs{p, stream.seed, stream.offset});
}

}  // namespace gradus
#endif
