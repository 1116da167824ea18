// Layouts of arrays with channels: told from strides, made by copies.
#include "gradus/ops/channels.h"

#include "gradus/graph/tensor_impl.h"
#include "gradus/ops/kernels/channels_last.h"
#include "gradus/ops/kernels/copy.h"
#include "gradus/ops/kernels/layout.h"
#include "gradus/ops/pack.h"

namespace gradus {

ChannelLayout layout_of(const View& v, int spatial) {
  if (v.strides == nullptr || v.numel == 0 || kernels::is_contiguous(v)) return ChannelLayout::channels_first;
  std::int64_t strides[kMaxRank];
  layout_strides(ChannelLayout::channels_last, v.dims, v.rank, spatial, strides);
  for (int i = 0; i < v.rank; ++i) {
    if (v.dims[i] != 1 && v.strides[i] != strides[i]) return ChannelLayout::channels_first;
  }
  return ChannelLayout::channels_last;
}

void set_out_laid_out(InferContext& c, int i, DType dtype, const Shape& shape, ChannelLayout layout,
                      int spatial) {
  c.set_out(i, dtype, shape);
  if (layout == ChannelLayout::channels_first) return;
  OutputMeta& o = c.out(i);
  layout_strides(layout, o.dims, o.rank, spatial, o.strides);
  o.has_strides = !is_contiguous_layout(o.dims, o.strides, o.rank);
}

std::size_t laid_out_room(const TensorImpl& t, ChannelLayout layout, int spatial) {
  const bool there = layout == ChannelLayout::channels_first ? kernels::is_contiguous(t.view())
                                                             : layout_of(t, spatial) == layout;
  return there ? 0 : room(t.numel, t.dtype);
}

View laid_out(const View& v, ChannelLayout layout, int spatial, std::byte** scratch) {
  if (layout == ChannelLayout::channels_first) return kernels::is_contiguous(v) ? v : pack(v, scratch);
  if (layout_of(v, spatial) == layout) return v;
  std::int64_t strides[kMaxRank];
  layout_strides(ChannelLayout::channels_last, v.dims, v.rank, spatial, strides);
  View to = v;
  to.data = *scratch;
  to.strides = strides;
  kernels::copy(v, to);
  *scratch += room(v.numel, v.dtype);
  to.strides = nullptr;  // kernels know the order
  return to;
}

void layout_strides(ChannelLayout layout, const std::int64_t* dims, int rank, int spatial,
                    std::int64_t* strides) {
  if (layout == ChannelLayout::channels_first) return kernels::contiguous_strides(dims, rank, strides);
  kernels::channels_last_strides(dims, rank, rank - spatial - 1, strides);
}

}  // namespace gradus
