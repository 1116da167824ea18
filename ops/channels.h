// The two orders in which arrays [N, C, spatial...] (or [C, spatial...]) lie in memory: as their axes say, or
// with channels last, [N, spatial..., C]. Ops on such arrays compute in the order of their input and give
// their results the same one. Internal to op files.
#pragma once

#include <cstddef>
#include <cstdint>

#include "gradus/graph/op_def.h"

namespace gradus {

enum class ChannelLayout : std::uint8_t { channels_first, channels_last };

// Channels last where the array lies so, else channels first (also where both are the same). `spatial` axes
// are behind C.
ChannelLayout layout_of(const View& v, int spatial);
inline ChannelLayout layout_of(const TensorImpl& t, int spatial) { return layout_of(t.view(), spatial); }

// The strides of a dense array of this layout.
void layout_strides(ChannelLayout layout, const std::int64_t* dims, int rank, int spatial,
                    std::int64_t* strides);

// Output i with a shape and a layout.
void set_out_laid_out(InferContext& c, int i, DType dtype, const Shape& shape, ChannelLayout layout,
                      int spatial);
// Bytes that laid_out() may need.
std::size_t laid_out_room(const TensorImpl& t, ChannelLayout layout, int spatial);
// v itself where it lies in this layout, else a copy in *scratch, which moves on. Its strides are not set:
// the caller knows the order.
View laid_out(const View& v, ChannelLayout layout, int spatial, std::byte** scratch);

}  // namespace gradus
