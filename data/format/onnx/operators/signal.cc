// Window functions and Fourier transforms. Complex numbers are a last axis of size 2.
#include <cmath>
#include <numbers>

#include "gradus/base/format.h"
#include "gradus/data/format/onnx/call.h"
#include "gradus/data/format/onnx/operators.h"
#include "gradus/data/format/onnx/operators/cast.h"
#include "gradus/ops/creation.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/join.h"
#include "gradus/ops/matmul.h"
#include "gradus/ops/view.h"

namespace gradus::onnx {
namespace {

constexpr double kTwoPi = 2 * std::numbers::pi;

// A sum of cosines over one period: a[0] - a[1] cos(2 pi n / N) + a[2] cos(4 pi n / N).
void run_window(Call& c, double a0, double a1, double a2) {
  const std::int64_t size = c.whole_in(0);
  const ElementType type =
      c.has_attribute("output_datatype") ? type_attribute(c, "output_datatype") : c.meant(ElementType::f32);
  const std::int64_t dims[] = {size};
  c.made_up_shape(dims);
  const double period = static_cast<double>(c.flag("periodic", true) ? size : size - 1);
  std::vector<double> w;
  for (std::int64_t n = 0; n < size; ++n) {
    const double angle = kTwoPi * static_cast<double>(n) / period;
    w.push_back(period > 0 ? a0 - a1 * std::cos(angle) + a2 * std::cos(2 * angle) : 1);
  }
  c.set(0, cast_to(c, tensor(w), ElementType::f64, type), type);
}

// The discrete Fourier transform along axis 1 of x [rows, n, 1 or 2] into [rows, bins, 2], as products with
// matrices of cosines and sines.
Tensor transform(const Call& c, const Tensor& x, std::int64_t bins, bool inverse) {
  const std::int64_t n = x.size(1);
  if (n < 1) c.fail("a transform over no elements");
  // The matrices of a longer transform would take more than the signals.
  if (n > (std::int64_t{1} << 12)) c.unsupported("a transform over {} elements", n);
  std::vector<double> cosines, sines;
  const double scale = inverse ? 1 / static_cast<double>(n) : 1;
  for (std::int64_t k = 0; k < bins; ++k) {
    for (std::int64_t t = 0; t < n; ++t) {
      // k t modulo n keeps the digits of large products.
      const auto turn = static_cast<double>(k * t % n) / static_cast<double>(n);
      cosines.push_back(scale * std::cos(kTwoPi * turn));
      sines.push_back(scale * std::sin(kTwoPi * turn) * (inverse ? -1 : 1));
    }
  }
  const Tensor cosine = astype(tensor(cosines, {bins, n}), x.dtype());
  const Tensor sine = astype(tensor(sines, {bins, n}), x.dtype());
  const Tensor real = select(x, 2, 0);
  Tensor re = linear(real, cosine), im = -linear(real, sine);
  if (x.size(2) == 2) {
    const Tensor imaginary = select(x, 2, 1);
    re = re + linear(imaginary, sine);
    im = im + linear(imaginary, cosine);
  }
  return stack({re, im}, 2);
}

// An axis cut off or filled up with zeros to a length.
Tensor resized(const Call& c, const Tensor& x, std::int64_t axis, std::int64_t length) {
  const std::int64_t have = x.size(static_cast<int>(axis));
  if (length <= have) return slice(x, axis, 0, length);
  std::vector<std::int64_t> pads(2 * static_cast<std::size_t>(x.rank() - axis), 0);
  pads.back() = length - have;
  Shape shape = x.shape();
  shape[static_cast<int>(axis)] = length;
  c.made_up_shape({shape.data(), static_cast<std::size_t>(shape.rank())});
  return pad(x, pads);
}

void run_dft(Call& c) {
  const Tensor& x = c.in(0);
  if (x.rank() < 3 || (x.size(-1) != 1 && x.size(-1) != 2)) {
    c.fail("its input {} is no batch of signals with a last axis of size 1 or 2", format_shape(x.shape()));
  }
  const std::int64_t axis = c.axis(c.whole("axis", 1), x.rank());
  const bool inverse = c.flag("inverse"), onesided = c.flag("onesided");
  if (axis == 0 || axis == x.rank() - 1) c.fail("axis {} is no axis of a signal", axis);
  if (inverse && onesided) c.fail("a transform cannot be inverse and onesided");
  const std::int64_t n = c.has(1) ? c.whole_in(1) : x.size(static_cast<int>(axis));
  if (n < 1) c.fail("dft_length is {}", n);
  const Tensor lines = movedim(resized(c, x, axis, n), axis, -2);
  const std::int64_t bins = onesided ? n / 2 + 1 : n;
  Shape shape = lines.shape();
  const Tensor y = transform(c, reshape(lines, {-1, n, x.size(-1)}), bins, inverse);
  shape[x.rank() - 2] = bins;
  shape[x.rank() - 1] = 2;
  c.set(0, movedim(reshape(y, shape), -2, axis));
}

void run_stft(Call& c) {
  const Tensor& x = c.in(0);
  if (x.rank() != 2 && x.rank() != 3) c.fail("its input {} is no batch of signals", format_shape(x.shape()));
  const Tensor signal = x.rank() == 2 ? unsqueeze(x, 2) : x;
  const std::int64_t step = c.whole_in(1);
  if (!c.has(2) && !c.has(3)) c.fail("neither a window nor a frame_length is given");
  const std::int64_t length = c.has(3) ? c.whole_in(3) : c.in(2).numel();
  if (step < 1 || length < 1 || length > signal.size(1)) {
    c.fail("frames of {} at steps of {} do not fit {} elements", length, step, signal.size(1));
  }
  if (c.has(2) && !(c.in(2).shape() == Shape{length})) {
    c.fail("the window {} does not fit frames of {}", format_shape(c.in(2).shape()), length);
  }
  const std::int64_t dims[] = {signal.size(0), (signal.size(1) - length) / step + 1, signal.size(2), length};
  c.made_up_shape(dims);
  // [batch, frames, parts, length]
  Tensor frames = unfold(signal, 1, length, step);
  if (c.has(2)) frames = frames * c.in(2);
  const std::int64_t batch = frames.size(0), count = frames.size(1), parts = frames.size(2);
  const std::int64_t bins = c.flag("onesided", true) ? length / 2 + 1 : length;
  const Tensor lines = reshape(transpose(frames, 2, 3), {batch * count, length, parts});
  c.set(0, reshape(transform(c, lines, bins, false), {batch, count, bins, 2}));
}

// Triangles over the bins of a spectrogram, as far apart as the mel scale says. Source: the definition of
// MelWeightMatrix in operator set 17.
void run_mel(Call& c) {
  const std::int64_t mels = c.whole_in(0), dft = c.whole_in(1), rate = c.whole_in(2);
  const double low = c.real_in(3), high = c.real_in(4);
  const ElementType type =
      c.has_attribute("output_datatype") ? type_attribute(c, "output_datatype") : c.meant(ElementType::f32);
  if (mels < 1 || mels > (1 << 20) || dft < 1 || rate < 1) {
    c.fail("{} mel bins, a dft_length of {} and a sample rate of {}", mels, dft, rate);
  }
  const std::int64_t bins = dft / 2 + 1;
  const std::int64_t dims[] = {bins, mels};
  const Shape shape = c.made_up_shape(dims);
  const auto to_mel = [](double hertz) { return 2595 * std::log10(1 + hertz / 700); };
  const double step = (to_mel(high) - to_mel(low)) / static_cast<double>(mels + 2);
  std::vector<std::int64_t> edges;
  for (std::int64_t i = 0; i < mels + 2; ++i) {
    const double hertz = 700 * (std::pow(10, (static_cast<double>(i) * step + to_mel(low)) / 2595) - 1);
    const double edge = std::floor(static_cast<double>(dft + 1) * hertz / static_cast<double>(rate));
    if (!(edge >= 0 && edge <= static_cast<double>(bins)))
      c.fail("the edges {} and {} lie beyond the spectrogram", low, high);
    edges.push_back(static_cast<std::int64_t>(edge));
  }
  std::vector<double> w(static_cast<std::size_t>(bins * mels), 0);
  const auto put = [&](std::int64_t bin, std::int64_t mel, double v) {
    if (bin < bins) w[static_cast<std::size_t>(bin * mels + mel)] = v;
  };
  for (std::int64_t m = 0; m < mels; ++m) {
    const std::int64_t left = edges[static_cast<std::size_t>(m)];
    const std::int64_t centre = edges[static_cast<std::size_t>(m) + 1];
    const std::int64_t right = edges[static_cast<std::size_t>(m) + 2];
    if (centre == left) put(centre, m, 1);
    for (std::int64_t j = left; centre > left && j <= centre; ++j) {
      put(j, m, static_cast<double>(j - left) / static_cast<double>(centre - left));
    }
    for (std::int64_t j = centre; j < right; ++j) {
      put(j, m, static_cast<double>(right - j) / static_cast<double>(right - centre));
    }
  }
  c.set(0, cast_to(c, tensor(w, shape), ElementType::f64, type), type);
}

constexpr Operator kOperators[] = {
    {"HannWindow", [](Call& c) { run_window(c, 0.5, 0.5, 0); }, 1, 1},
    {"HammingWindow", [](Call& c) { run_window(c, 25.0 / 46, 21.0 / 46, 0); }, 1, 1},
    {"BlackmanWindow", [](Call& c) { run_window(c, 0.42, 0.5, 0.08); }, 1, 1},
    {"DFT", run_dft, 1, 2},
    {"STFT", run_stft, 2, 4},
    {"MelWeightMatrix", run_mel, 5, 5},
};

}  // namespace

std::span<const Operator> signal_operators() { return kOperators; }

}  // namespace gradus::onnx
