// Convolutions over one to three axes. Paddings below 0 take places away, which operators do not know.
#include <algorithm>

#include "gradus/data/format/onnx/emit.h"
#include "gradus/data/format/onnx/writers.h"

namespace gradus::onnx {
namespace {

List kernel_of(const Emit& e) {
  const Shape w = e.shape(1);
  return {w.begin() + 2, w.end()};
}

void conv(Emit& e) {
  List before = e.list("padding"), after = e.list("padding_end");
  Id x = e.in(0);
  for (std::size_t i = 0; i < before.size(); ++i) {
    if (before[i] >= 0 && after[i] >= 0) continue;
    const auto axis = static_cast<std::int64_t>(i) + 2;
    const std::int64_t n = e.size(static_cast<int>(axis));
    if (-before[i] > n || -after[i] > n) {
      e.refuse("its paddings {} and {} take away all of axis {}", before[i], after[i], axis);
    }
    x = e.slice(x, axis, std::max<std::int64_t>(-before[i], 0), n + std::min<std::int64_t>(after[i], 0));
    before[i] = std::max<std::int64_t>(before[i], 0);
    after[i] = std::max<std::int64_t>(after[i], 0);
  }
  List pads = before;
  pads.insert(pads.end(), after.begin(), after.end());
  std::vector<Id> in{x, e.in(1)};
  if (e.inputs() > 2) in.push_back(e.in(2));
  e.set(e.op("Conv", in,
             {list("kernel_shape", kernel_of(e)), list("strides", e.list("stride")), list("pads", pads),
              list("dilations", e.list("dilation")), whole("group", e.whole("groups"))}));
}

void conv_transpose(Emit& e) {
  const List before = e.list("padding"), after = e.list("padding_end"), stride = e.list("stride");
  const std::size_t axes = before.size();
  List pads(2 * axes), more(2 * (axes + 2)), output_padding(axes);
  bool grows = false;  // by more than output_padding may say
  for (std::size_t i = 0; i < axes; ++i) {
    pads[i] = std::max<std::int64_t>(before[i], 0);
    pads[axes + i] = std::max<std::int64_t>(after[i], 0);
    if (after[i] < 0 && -after[i] < stride[i]) {
      output_padding[i] = -after[i];
    } else {
      more[axes + 2 + 2 + i] = std::max<std::int64_t>(-after[i], 0);
    }
    more[2 + i] = std::max<std::int64_t>(-before[i], 0);
    grows |= more[2 + i] > 0 || more[axes + 4 + i] > 0;
  }
  const bool has_bias = e.inputs() > 2;
  std::vector<Id> in{e.in(0), e.in(1)};
  if (has_bias && !grows) in.push_back(e.in(2));
  Id y = e.op("ConvTranspose", in,
              {list("kernel_shape", kernel_of(e)), list("strides", stride), list("pads", pads),
               list("dilations", e.list("dilation")), whole("group", e.whole("groups")),
               list("output_padding", output_padding)});
  if (grows) {
    y = e.op("Pad", {y, e.wholes(more), e.number(0)});
    if (has_bias) {
      List by_channel(axes + 2, 1);
      by_channel[1] = e.size(0, 2);
      y = e.add(y, e.reshape(e.in(2), by_channel));
    }
  }
  e.set(y);
}

constexpr OpWriter kWriters[] = {
    {"conv", conv},
    {"conv_transpose", conv_transpose},
};

}  // namespace

std::span<const OpWriter> convolution_writers() { return kWriters; }

}  // namespace gradus::onnx
