// What the gradus and the libtorch bench programs share: the sizes measured and the input data, so that a
// case of one name is the same work on both sides. It knows neither library. Names are
// <group>/<case>[/<size>].
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace bench {

struct Rows {
  std::int64_t rows, columns;
};
struct Image {
  std::int64_t n, c, h, w;
};

inline constexpr std::int64_t kElementwiseSizes[] = {65536, 1048576};  // in the L2 cache; beyond it
inline constexpr Rows kRowSizes[] = {{64, 1024}, {1024, 1024}};
inline constexpr Image kPoolImage = {8, 64, 56, 56};
inline constexpr std::int64_t kTransposeSize = 1024;
inline constexpr std::int64_t kSgemmSizes[] = {16, 64, 128, 256, 512};
inline constexpr std::int64_t kDgemmSizes[] = {512};

// 3 x 3 convolution of as many channels as it gives, the images as large as before.
inline constexpr std::int64_t kConvBatch = 8, kConvChannels = 64, kConvSize = 56, kConvKernel = 3;

inline constexpr int kChainLength = 100;
inline constexpr std::int64_t kSmall = 4;        // elements of the tensors that measure an op's overhead
inline constexpr std::int64_t kSmallFused = 16;  // elements in relu_mul_sum_bwd

inline constexpr std::int64_t kMlpSizes[] = {784, 256, 128, 10};
inline constexpr std::int64_t kMlpBatches[] = {1, 32, 128};
inline constexpr double kMlpLearningRate = 1e-3;
inline constexpr std::int64_t kMemoryBatch = 64;
inline constexpr int kMemorySteps = 200;

inline constexpr double kLayerNormEps = 1e-5;

inline constexpr std::int64_t kImages[] = {8, 64, 56, 56};  // samples, channels, height, width
inline constexpr Rows kTokens = {768, 512};
inline constexpr std::int64_t kAttention[] = {4, 4, 256, 64};  // samples, heads, length, size of a head
// A layer over a sequence.
struct Recurrent {
  std::int64_t steps, batch, inputs, hidden;
};
inline constexpr Recurrent kRecurrent{64, 32, 128, 128};

// Parameters of an optimizer's step, 10M floats in all; weights, gradients and Adam's two moments are 160 MB,
// of which a step reads all and writes 120 MB. The triad's three arrays together are as large as that
// traffic.
inline constexpr std::int64_t kStepTensors = 100, kStepSize = 100'000;
inline constexpr std::int64_t kTriadBytes = kStepTensors * kStepSize * 4 * 7;

inline std::string name(const std::string& stem, std::int64_t n) { return stem + "/" + std::to_string(n); }
inline std::string name(const std::string& stem, Rows r) {
  return stem + "/" + std::to_string(r.rows) + "x" + std::to_string(r.columns);
}

inline std::string name(const std::string& stem, Recurrent r) {
  return stem + "/" + std::to_string(r.steps) + "x" + std::to_string(r.batch) + "x" +
         std::to_string(r.hidden);
}

// `n` numbers uniform in [low, high), the same for one seed.
template <class T = float>
std::vector<T> uniform(std::int64_t n, double low, double high, unsigned seed = 1) {
  std::mt19937 generator(seed);
  std::uniform_real_distribution<double> draw(low, high);
  std::vector<T> values(static_cast<std::size_t>(n));
  for (T& value : values) value = static_cast<T>(draw(generator));
  return values;
}

// `n` class indices in [0, classes).
inline std::vector<std::int64_t> labels(std::int64_t n, std::int64_t classes, unsigned seed = 1) {
  std::mt19937 generator(seed);
  std::uniform_int_distribution<std::int64_t> draw(0, classes - 1);
  std::vector<std::int64_t> values(static_cast<std::size_t>(n));
  for (std::int64_t& value : values) value = draw(generator);
  return values;
}

}  // namespace bench
