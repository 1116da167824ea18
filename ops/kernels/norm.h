// Fused normalisations, forward and backward, f32 and f64: over rows (layer norm, RMS norm) and by channels
// (batch norm, group norm). Each array is dense; strided ones are packed before. Sums run in blocks of a
// fixed size, so that results do not depend on the number of threads.
#pragma once

#include <cstddef>
#include <cstdint>

#include "gradus/graph/dtype.h"

namespace gradus::kernels {

// `rows` rows of `n` elements. Not centered: the mean counts as 0 (RMS norm) and `mean` is not used.
struct RowNorm {
  DType dtype;
  std::int64_t rows, n;
  bool centered;
};

// y = (x - mean) * rstd * weight + bias with rstd = 1 / sqrt(var + eps) and the biased variance. weight and
// bias have n elements (bias may be null); mean and rstd get one element a row.
void row_norm(const RowNorm& p, const void* x, const void* weight, const void* bias, double eps, void* y,
              void* mean, void* rstd);

// Bytes of scratch for row_norm_backward with parameters.
std::size_t row_norm_scratch(const RowNorm& p);

// Gradients of row_norm from the cotangent g: dx; and dweight, dbias (n elements each; dbias may be null)
// unless dweight is null.
void row_norm_backward(const RowNorm& p, const void* g, const void* x, const void* weight, const void* mean,
                       const void* rstd, void* dx, void* dweight, void* dbias, void* scratch);

// An array [samples, channels, inner], or [samples, inner, channels] where channels are `last`. groups = 0:
// one statistic a channel over all samples (batch norm), the second one being the variance. groups > 0:
// statistics for each sample and each of that many groups of neighbouring channels, the second one being
// 1 / sqrt(var + eps). Variances are the biased ones.
struct ChannelNorm {
  DType dtype;
  std::int64_t samples, channels, inner;
  bool last;
  std::int64_t groups;
  double eps;
};

// Bytes of scratch for each of the functions below.
std::size_t channel_norm_scratch(const ChannelNorm& p);

// y = (x - mean) / sqrt(var + eps) * weight + bias; weight and bias have one element a channel. Writes the
// statistics.
void channel_norm(const ChannelNorm& p, const void* x, const void* weight, const void* bias, void* y,
                  void* mean, void* second, void* scratch);

// The same for statistics that are given, one a channel.
void channel_norm_given(const ChannelNorm& p, const void* x, const void* weight, const void* bias,
                        const void* mean, const void* var, void* y, void* scratch);

// Gradients of channel_norm from the cotangent g and the statistics: dx, dweight, dbias.
void channel_norm_backward(const ChannelNorm& p, const void* g, const void* x, const void* weight,
                           const void* mean, const void* second, void* dx, void* dweight, void* dbias,
                           void* scratch);

}  // namespace gradus::kernels
