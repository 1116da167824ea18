// bernoulli: y = 1 with probability p[i], otherwise 0; element i draws word i of the stream in the
// attributes. No derivative: a sample is a step function of p.
#include <fmt/format.h>

#include "gradus/base/parallel.h"
#include "gradus/graph/samples.h"
#include "gradus/ops/kernels/copy.h"
#include "gradus/ops/random.h"
#include "gradus/ops/random/attrs.h"

namespace gradus {
namespace {

void infer(InferContext& c) {
  c.require_floating(0);
  c.set_out_like(0, 0);
}

// In place. False where an element is no probability.
template <class T>
bool draw(RandomStream stream, std::uint64_t first, std::span<T> p) {
  std::uint32_t words[1024];
  bool valid = true;
  while (!p.empty()) {
    const std::size_t n = std::min(p.size(), std::size(words));
    fill_words(stream, first, std::span(words, n));
    for (std::size_t i = 0; i < n; ++i) {
      valid &= p[i] >= 0 && p[i] <= 1;
      p[i] = static_cast<T>(static_cast<double>(words[i]) * 0x1p-32 < static_cast<double>(p[i]));
    }
    p = p.subspan(n);
    first += n;
  }
  return valid;
}

template <class T>
void run(KernelContext& c) {
  const auto& attrs = c.attrs<BernoulliAttrs>();
  kernels::copy(c.in[0], c.out[0]);
  T* out = c.out[0].as<T>();
  constexpr std::int64_t kGrain = 16384;
  parallel_for(c.out[0].numel, kGrain, [&](std::int64_t begin, std::int64_t end) {
    const std::span<T> part(out + begin, static_cast<std::size_t>(end - begin));
    if (!draw(RandomStream{attrs.seed, attrs.counter}, static_cast<std::uint64_t>(begin), part)) {
      c.fail_value("an element of p is no probability; they lie in [0, 1]");
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

void samples(SampleSink& s) {
  s.add({s.values({3, 4}, 0, 1)}, BernoulliAttrs{7, 0});
  s.add({s.f64({4}, {0, 1, 0, 1})}, BernoulliAttrs{7, 100}, {.note = "certain"});
  s.add({s.values({}, 0, 1)}, BernoulliAttrs{1, 5}, {.note = "scalar"});
  s.add({s.values({0})}, BernoulliAttrs{1, 5}, {.note = "empty"});
  s.add_error({s.f64({2}, {0.5, 1.5})}, BernoulliAttrs{1, 0},
              "bernoulli: an element of p is no probability; they lie in [0, 1]");
  s.add_error({s.i64({1}, {1})}, BernoulliAttrs{1, 0},
              "bernoulli: takes floating-point numbers: p [1] i64; convert it with astype(x, DType::f32)");
}

constexpr const char* kInputs[] = {"p"};
constexpr AttrDef kAttrs[] = {GRADUS_ATTR(BernoulliAttrs, seed, nullptr),
                              GRADUS_ATTR(BernoulliAttrs, counter, nullptr)};

}  // namespace

extern constinit const OpDef op_bernoulli = {
    .name = "bernoulli",
    .doc = "1 with probability p, otherwise 0",
    .inputs = kInputs,
    .attrs = kAttrs,
    .flags = kRandom,
    .infer = infer,
    .kernel = kernel,
    .no_gradient = "a sample is a step function of p",
    .samples = samples,
    .onnx = "Bernoulli",
};

Tensor bernoulli(Operand p, Generator* generator) {
  const std::int64_t n = p.impl != nullptr ? p.impl->numel : 0;
  const RandomStream stream = reserve_from(generator, blocks_for_words(static_cast<std::uint64_t>(n)));
  return apply(op_bernoulli, {p}, BernoulliAttrs{stream.seed, stream.offset});
}

}  // namespace gradus
