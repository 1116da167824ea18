// uniform, normal, randint, permutation, and bernoulli with one probability. Chunks of a tensor are filled by
// whichever thread comes: each number depends on its index alone.
#include <algorithm>
#include <cmath>

#include "gradus/base/parallel.h"
#include "gradus/graph/describe.h"
#include "gradus/ops/creation/values.h"
#include "gradus/ops/kernels/copy.h"
#include "gradus/ops/random.h"
#include "gradus/ops/random/attrs.h"

namespace gradus {
namespace {

constexpr std::int64_t kGrain = 16384;

// f(first, span of T) for the pieces of t.
template <class T, class F>
void in_pieces(const Tensor& t, F f) {
  T* out = t.view().as<T>();
  parallel_for(t.numel(), kGrain, [&](std::int64_t begin, std::int64_t end) {
    f(static_cast<std::uint64_t>(begin), std::span<T>(out + begin, static_cast<std::size_t>(end - begin)));
  });
}

Tensor new_floating(const char* op, const Shape& shape, const RandomOptions& options, Location where) {
  if (!is_floating(options.dtype)) {
    throw_error<DtypeError>(where, op, "makes floating-point numbers, not {}; see randint()",
                            name(options.dtype));
  }
  return empty(shape, options.dtype, where);
}

std::uint64_t blocks(const Tensor& t) {
  const auto n = static_cast<std::uint64_t>(t.numel());
  return t.dtype() == DType::f32 ? blocks_for_f32(n) : blocks_for_f64(n);
}

template <class F>
void with_floating(DType dtype, F f) {
  if (dtype == DType::f32) {
    f(float{});
  } else {
    f(double{});
  }
}

}  // namespace

namespace {

// A half is drawn as f32 and rounded; `last` is the largest number that it may become.
template <class H>
void narrow_into(const Tensor& t, const Tensor& wide, H last) {
  const float* from = wide.view().as<float>();
  in_pieces<H>(t, [&](std::uint64_t first, std::span<H> out) {
    for (H& x : out) {
      const H h(from[first++]);
      x = h > last ? last : h;
    }
  });
}

// The largest number below x > low.
template <class H>
H largest_below(double x, double low) {
  H h(x);
  if (h < x || h <= low) return h;
  if (h > 0) return H::from_bits(static_cast<std::uint16_t>(h.bits - 1));
  return H::from_bits(static_cast<std::uint16_t>(h == 0 ? 0x8001 : h.bits + 1));
}

}  // namespace

Tensor uniform(const Shape& shape, double low, double high, RandomOptions options, Location where) {
  if (!(low <= high) || !std::isfinite(high - low)) {
    throw_error<ValueError>(where, "uniform", "the range [{}, {}) is not one of finite numbers, low <= high",
                            low, high);
  }
  Tensor t = new_floating("uniform", shape, options, where);
  if (is_half(options.dtype)) {
    const Tensor wide =
        uniform(shape, low, high, {.dtype = DType::f32, .generator = options.generator}, where);
    if (options.dtype == DType::f16)
      narrow_into(t, wide, largest_below<float16>(high, low));
    else
      narrow_into(t, wide, largest_below<bfloat16>(high, low));
    return finished(std::move(t), options.requires_grad, where);
  }
  const RandomStream stream = reserve_from(options.generator, blocks(t));
  with_floating(options.dtype, [&]<class T>(T) {
    const T lo = static_cast<T>(low), hi = static_cast<T>(high), width = hi - lo;
    const T last = lo < hi ? std::nextafter(hi, lo) : lo;  // lo + u * width can round up to hi
    in_pieces<T>(t, [&](std::uint64_t first, std::span<T> out) {
      fill_uniform(stream, first, out);
      if (lo == 0 && hi == 1) return;
      for (T& x : out) x = std::min(lo + x * width, last);
    });
  });
  return finished(std::move(t), options.requires_grad, where);
}

Tensor normal(const Shape& shape, double mean, double std, RandomOptions options, Location where) {
  if (!(std >= 0)) {
    throw_error<ValueError>(where, "normal", "the standard deviation is {}; it is not negative", std);
  }
  Tensor t = new_floating("normal", shape, options, where);
  if (is_half(options.dtype)) {
    kernels::copy(
        normal(shape, mean, std, {.dtype = DType::f32, .generator = options.generator}, where).view(),
        t.view());
    return finished(std::move(t), options.requires_grad, where);
  }
  const RandomStream stream = reserve_from(options.generator, blocks(t));
  with_floating(options.dtype, [&]<class T>(T) {
    const T center = static_cast<T>(mean), scale = static_cast<T>(std);
    in_pieces<T>(t, [&](std::uint64_t first, std::span<T> out) {
      fill_normal(stream, first, out);
      if (center == 0 && scale == 1) return;
      for (T& x : out) x = center + x * scale;
    });
  });
  return finished(std::move(t), options.requires_grad, where);
}

Tensor randint(std::int64_t low, std::int64_t high, const Shape& shape, RandintOptions options,
               Location where) {
  if (low >= high) throw_error<ValueError>(where, "randint", "there is no integer in [{}, {})", low, high);
  if (options.dtype == DType::boolean) {
    throw_error<DtypeError>(where, "randint", "makes numbers, not bool; see bernoulli()");
  }
  with_type(options.dtype, [&]<class T>(T) {
    converted<T>(low, options.dtype, "randint", where);
    converted<T>(high - 1, options.dtype, "randint", where);
  });
  Tensor t = empty(shape, options.dtype, where);
  const RandomStream stream =
      reserve_from(options.generator, blocks_for_below(static_cast<std::uint64_t>(t.numel())));
  const std::uint64_t range = static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low);
  with_type(options.dtype, [&]<class T>(T) {
    in_pieces<T>(t, [&](std::uint64_t first, std::span<T> out) {
      for (T& x : out) {
        const std::uint64_t above = random_below(stream, first++, range);
        x = static_cast<T>(static_cast<std::int64_t>(static_cast<std::uint64_t>(low) + above));
      }
    });
  });
  return t;
}

Tensor permutation(std::int64_t n, Generator* generator, Location where) {
  if (n < 0)
    throw_error<ValueError>(where, "permutation", "the number of elements is {}; it is not negative", n);
  Tensor t = empty({n}, DType::i64, where);
  const auto count = static_cast<std::uint64_t>(n);
  const RandomStream stream = reserve_from(generator, blocks_for_below(count));
  auto* out = t.view().as<std::int64_t>();
  // Durstenfeld's shuffle from the inside out ("Algorithm 235", 1964).
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t j = random_below(stream, i, i + 1);
    out[i] = out[j];
    out[j] = static_cast<std::int64_t>(i);
  }
  return t;
}

Tensor bernoulli(const Shape& shape, double p, RandomOptions options, Location where) {
  if (!(p >= 0 && p <= 1)) {
    throw_error<ValueError>(where, "bernoulli", "the probability is {}; it lies in [0, 1]", p);
  }
  Tensor t = empty(shape, options.dtype, where);
  const RandomStream stream =
      reserve_from(options.generator, blocks_for_words(static_cast<std::uint64_t>(t.numel())));
  const auto below = static_cast<std::uint64_t>(p * 0x1p32);  // of 2^32 words
  with_type(options.dtype, [&]<class T>(T) {
    in_pieces<T>(t, [&](std::uint64_t first, std::span<T> out) {
      std::uint32_t words[1024];
      while (!out.empty()) {
        const std::size_t n = std::min(out.size(), std::size(words));
        fill_words(stream, first, std::span(words, n));
        for (std::size_t i = 0; i < n; ++i) out[i] = static_cast<T>(words[i] < below);
        out = out.subspan(n);
        first += n;
      }
    });
  });
  return finished(std::move(t), options.requires_grad, where);
}

}  // namespace gradus
