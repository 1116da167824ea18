// What batch_norm and group_norm share: the order of memory, checks, default parameters.
#include <algorithm>

#include "gradus/base/format.h"
#include "gradus/graph/tensor_impl.h"
#include "gradus/ops/creation.h"
#include "gradus/ops/kernels/copy.h"
#include "gradus/ops/norm/params.h"
#include "gradus/ops/reduction.h"
#include "gradus/ops/view.h"

namespace gradus {

void require_eps(const InferContext& c, double eps) {
  if (!(eps >= 0)) c.value_error(fmt::format("eps is {}; it is added to a variance and not negative", eps));
}

void require_channels(const InferContext& c, int input, int first, int end) {
  if (c.rank(input) < 2) {
    c.shape_error(fmt::format("takes an array with channels on axis 1: {}", c.describe(input)));
  }
  const std::int64_t channels = c.dim(input, 1);
  for (int i = first; i < end; ++i) {
    if (c.rank(i) == 1 && c.dim(i, 0) == channels) continue;
    c.shape_error(fmt::format("{} has {} channels on axis 1, {} must be [{}]", c.describe(input), channels,
                              c.describe(i), channels));
  }
}

Tensor weight_or_ones(const Tensor& weight, const Tensor& input, const Shape& shape, Location where) {
  return weight.defined() ? weight : ones(shape, input.dtype(), where);
}

Tensor bias_or_zeros(const Tensor& bias, const Tensor& input, const Shape& shape, Location where) {
  return bias.defined() ? bias : zeros(shape, input.dtype(), where);
}

ChannelOrder channel_order(const std::int64_t* dims, const std::int64_t* strides, int rank, bool by_sample) {
  std::int64_t rest = 1, numel = 1;
  for (int i = 0; i < rank; ++i) {
    numel *= dims[i];
    if (i > 1) rest *= dims[i];
  }
  const bool contiguous = strides == nullptr || numel == 0;
  const bool dense = contiguous || is_dense_layout(dims, strides, rank);
  if (contiguous || !dense) {
    if (rest != 1) return {!dense, false, dims[0], rest};
    return by_sample ? ChannelOrder{!dense, true, dims[0], 1} : ChannelOrder{!dense, true, 1, dims[0]};
  }
  std::int64_t outer = 1, inner = 1;
  bool sample_first = true;
  for (int i = 0; i < rank; ++i) {
    if (i == 1 || dims[i] == 1) continue;
    if (by_sample && i == 0) continue;
    sample_first &= dims[0] == 1 || strides[i] < strides[0];
    // A single channel lies anywhere.
    (dims[1] == 1 || strides[i] < strides[1] ? inner : outer) *= dims[i];
  }
  if (!by_sample) {
    return inner == 1 ? ChannelOrder{false, true, 1, outer} : ChannelOrder{false, false, outer, inner};
  }
  sample_first &= dims[0] == 1 || dims[1] == 1 || strides[1] < strides[0];
  if (sample_first && inner == 1) return {false, true, dims[0], outer};
  if (sample_first && outer == 1) return {false, false, dims[0], inner};
  return channel_order(dims, nullptr, rank, by_sample).last ? ChannelOrder{true, true, dims[0], 1}
                                                            : ChannelOrder{true, false, dims[0], rest};
}

kernels::ChannelNorm channel_norm_params(const View& x, const ChannelOrder& order, std::int64_t groups,
                                         double eps) {
  return {x.dtype, order.samples, x.dims[1], order.inner, order.last, groups, eps};
}

void plan_channels(InferContext& c, int x, int g, std::int64_t groups, double eps) {
  const TensorImpl& t = c.impl(x);
  const ChannelOrder order = channel_order(t.dims(), t.strides, t.rank, groups > 0);
  c.set_out_like(0, x);
  OutputMeta& o = c.out(0);
  if (t.strides != nullptr && !order.pack && t.numel != 0) {
    o.has_strides = true;
    std::copy_n(t.strides, t.rank, o.strides);
  }
  const std::size_t copies = (order.pack ? 1 : 0) + (g >= 0 ? 1 : 0);
  std::size_t scratch = copies * room(t.numel, t.dtype);
  for (int i = 0; i < c.size(); ++i) {
    if (i != x && i != g) scratch += pack_room(c.impl(i));
  }
  c.set_scratch(scratch + kernels::channel_norm_scratch(channel_norm_params(t.view(), order, groups, eps)));
}

const void* packed_channels(const View& x, const ChannelOrder& order, std::byte** scratch) {
  return order.pack ? pack(x, scratch).data : x.data;
}

const void* packed_like(const View& g, const View& x, const ChannelOrder& order, std::byte** scratch) {
  std::int64_t strides[kMaxRank];
  View like = x;
  if (order.pack) like.strides = nullptr;
  const auto stride = [](const View& v, int axis) {
    if (v.strides != nullptr) return v.strides[axis];
    std::int64_t step = 1;
    for (int k = axis + 1; k < v.rank; ++k) step *= v.dims[k];
    return step;
  };
  bool same = true;
  for (int i = 0; i < x.rank; ++i) {
    strides[i] = stride(like, i);
    same &= x.dims[i] == 1 || strides[i] == stride(g, i);
  }
  if (same || g.numel == 0) return g.data;
  like.data = *scratch;
  like.strides = strides;
  kernels::copy(g, like);
  *scratch += room(g.numel, g.dtype);
  return like.data;
}

Dims all_but_channels(int rank) {
  Dims dims;
  for (int i = 0; i < rank; ++i) {
    if (i != 1) dims.push_back(i);
  }
  return dims;
}

Tensor channel_sum(const Tensor& x) { return sum(x, all_but_channels(x.rank())); }

Tensor by_channel(const Tensor& list, int rank) {
  Shape shape{list.numel()};
  for (int i = 2; i < rank; ++i) shape.push_back(1);
  return reshape(list, shape);
}

}  // namespace gradus
