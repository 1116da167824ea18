#include "gradus/nn/pool.h"

#include "gradus/base/format.h"
#include "gradus/nn/unary_module.h"

namespace gradus::nn {
namespace {

// As PyTorch writes one number or several.
std::string text_of(const Dims& d) {
  if (d.size() == 1) return std::to_string(d[0]);
  std::string text = "(";
  for (int i = 0; i < d.size(); ++i) text += fmt::format("{}{}", i == 0 ? "" : ", ", d[i]);
  return text + ")";
}

const Dims& stride_of(const Dims& stride, const Dims& kernel_size) {
  return stride.empty() ? kernel_size : stride;
}
const char* text_of(bool b) { return b ? "True" : "False"; }

}  // namespace

template <int spatial>
Tensor MaxPool<spatial>::forward(Operand x) const {
  if constexpr (spatial == 1) return max_pool1d(x, kernel_size, options);
  if constexpr (spatial == 2) return max_pool2d(x, kernel_size, options);
  if constexpr (spatial == 3) return max_pool3d(x, kernel_size, options);
}
template <int spatial>
ValuesIndices MaxPool<spatial>::with_indices(Operand x) const {
  if constexpr (spatial == 1) return max_pool1d_with_indices(x, kernel_size, options);
  if constexpr (spatial == 2) return max_pool2d_with_indices(x, kernel_size, options);
  if constexpr (spatial == 3) return max_pool3d_with_indices(x, kernel_size, options);
}
template <int spatial>
std::string MaxPool<spatial>::type_name() const {
  return fmt::format("MaxPool{}d", spatial);
}
template <int spatial>
std::string MaxPool<spatial>::options_text() const {
  return fmt::format("kernel_size={}, stride={}, padding={}, dilation={}, ceil_mode={}", text_of(kernel_size),
                     text_of(stride_of(options.stride, kernel_size)), text_of(options.padding),
                     text_of(options.dilation), text_of(options.ceil_mode));
}

template <int spatial>
Tensor MaxUnpool<spatial>::operator()(Operand x, Operand indices) const {
  return with_hooks(*this, x, [&](Operand in) {
    if constexpr (spatial == 1) return max_unpool1d(in, indices, kernel_size, options);
    if constexpr (spatial == 2) return max_unpool2d(in, indices, kernel_size, options);
    if constexpr (spatial == 3) return max_unpool3d(in, indices, kernel_size, options);
  });
}
template <int spatial>
std::string MaxUnpool<spatial>::type_name() const {
  return fmt::format("MaxUnpool{}d", spatial);
}
template <int spatial>
std::string MaxUnpool<spatial>::options_text() const {
  return fmt::format("kernel_size={}, stride={}, padding={}", text_of(kernel_size),
                     text_of(stride_of(options.stride, kernel_size)), text_of(options.padding));
}

template <int spatial>
Tensor AvgPool<spatial>::forward(Operand x) const {
  if constexpr (spatial == 1) return avg_pool1d(x, kernel_size, options);
  if constexpr (spatial == 2) return avg_pool2d(x, kernel_size, options);
  if constexpr (spatial == 3) return avg_pool3d(x, kernel_size, options);
}
template <int spatial>
std::string AvgPool<spatial>::type_name() const {
  return fmt::format("AvgPool{}d", spatial);
}
template <int spatial>
std::string AvgPool<spatial>::options_text() const {
  return fmt::format("kernel_size={}, stride={}, padding={}", text_of(kernel_size),
                     text_of(stride_of(options.stride, kernel_size)), text_of(options.padding));
}

template <int spatial>
Tensor LPPool<spatial>::forward(Operand x) const {
  if constexpr (spatial == 1) return lp_pool1d(x, norm_type, kernel_size, options);
  if constexpr (spatial == 2) return lp_pool2d(x, norm_type, kernel_size, options);
  if constexpr (spatial == 3) return lp_pool3d(x, norm_type, kernel_size, options);
}
template <int spatial>
std::string LPPool<spatial>::type_name() const {
  return fmt::format("LPPool{}d", spatial);
}
template <int spatial>
std::string LPPool<spatial>::options_text() const {
  return fmt::format("norm_type={}, kernel_size={}, stride={}, ceil_mode={}", norm_type, text_of(kernel_size),
                     text_of(stride_of(options.stride, kernel_size)), text_of(options.ceil_mode));
}

template <int spatial>
Tensor AdaptiveMaxPool<spatial>::forward(Operand x) const {
  if constexpr (spatial == 1) return adaptive_max_pool1d(x, output_size);
  if constexpr (spatial == 2) return adaptive_max_pool2d(x, output_size);
  if constexpr (spatial == 3) return adaptive_max_pool3d(x, output_size);
}
template <int spatial>
ValuesIndices AdaptiveMaxPool<spatial>::with_indices(Operand x) const {
  if constexpr (spatial == 1) return adaptive_max_pool1d_with_indices(x, output_size);
  if constexpr (spatial == 2) return adaptive_max_pool2d_with_indices(x, output_size);
  if constexpr (spatial == 3) return adaptive_max_pool3d_with_indices(x, output_size);
}
template <int spatial>
std::string AdaptiveMaxPool<spatial>::type_name() const {
  return fmt::format("AdaptiveMaxPool{}d", spatial);
}
template <int spatial>
std::string AdaptiveMaxPool<spatial>::options_text() const {
  return "output_size=" + text_of(output_size);
}

template <int spatial>
Tensor AdaptiveAvgPool<spatial>::forward(Operand x) const {
  if constexpr (spatial == 1) return adaptive_avg_pool1d(x, output_size);
  if constexpr (spatial == 2) return adaptive_avg_pool2d(x, output_size);
  if constexpr (spatial == 3) return adaptive_avg_pool3d(x, output_size);
}
template <int spatial>
std::string AdaptiveAvgPool<spatial>::type_name() const {
  return fmt::format("AdaptiveAvgPool{}d", spatial);
}
template <int spatial>
std::string AdaptiveAvgPool<spatial>::options_text() const {
  return "output_size=" + text_of(output_size);
}

template struct MaxPool<1>;
template struct MaxPool<2>;
template struct MaxPool<3>;
template struct MaxUnpool<1>;
template struct MaxUnpool<2>;
template struct MaxUnpool<3>;
template struct AvgPool<1>;
template struct AvgPool<2>;
template struct AvgPool<3>;
template struct LPPool<1>;
template struct LPPool<2>;
template struct LPPool<3>;
template struct AdaptiveMaxPool<1>;
template struct AdaptiveMaxPool<2>;
template struct AdaptiveMaxPool<3>;
template struct AdaptiveAvgPool<1>;
template struct AdaptiveAvgPool<2>;
template struct AdaptiveAvgPool<3>;

}  // namespace gradus::nn
