#include "gradus/data/format/onnx/operators/windows.h"

#include <algorithm>

#include "gradus/base/format.h"

namespace gradus::onnx {

Dims spatial_list(const Call& c, std::string_view name, int spatial, std::int64_t otherwise) {
  Dims out;
  const auto list = c.wholes(name);
  if (list.has_value() && static_cast<int>(list->size()) != spatial) {
    c.fail("attribute \"{}\" has {} numbers for {} spatial axes", name, list->size(), spatial);
  }
  for (int i = 0; i < spatial; ++i) {
    const std::int64_t v = list.has_value() ? (*list)[static_cast<std::size_t>(i)] : otherwise;
    // Far below what could overflow where sizes are worked out of several of them.
    if (v < INT32_MIN || v > INT32_MAX) c.fail("attribute \"{}\" holds {}", name, v);
    out.push_back(v);
  }
  return out;
}

Windows read_windows(const Call& c, const Dims& kernel) {
  const Tensor& x = c.in(0);
  Windows w;
  w.spatial = x.rank() - 2;
  if (w.spatial < 1) c.fail("its input {} has no spatial axes", format_shape(x.shape()));
  if (w.spatial > 3) c.unsupported("{} spatial axes; at most 3 are supported", w.spatial);
  w.kernel = kernel;
  if (kernel.empty() || c.has_attribute("kernel_shape")) {
    if (!c.has_attribute("kernel_shape")) c.fail("attribute \"kernel_shape\" is missing");
    w.kernel = spatial_list(c, "kernel_shape", w.spatial, 1);
    if (!kernel.empty() && !(kernel == w.kernel)) {
      c.fail("kernel_shape {} is not that of the weight, {}",
             format_shape({w.kernel.data(), w.kernel.data() + w.spatial}),
             format_shape({kernel.data(), kernel.data() + w.spatial}));
    }
  }
  w.stride = spatial_list(c, "strides", w.spatial, 1);
  w.dilation = spatial_list(c, "dilations", w.spatial, 1);
  const std::string mode = c.text("auto_pad", "NOTSET");
  const auto pads = c.wholes("pads");
  if (mode == "NOTSET" && pads.has_value() && static_cast<int>(pads->size()) != 2 * w.spatial) {
    c.fail("{} pads are given for {} spatial axes", pads->size(), w.spatial);
  }
  if (mode != "NOTSET" && mode != "VALID" && mode != "SAME_UPPER" && mode != "SAME_LOWER") {
    c.fail("the auto_pad \"{}\" is none", mode);
  }
  for (int i = 0; i < w.spatial; ++i) {
    std::int64_t before = 0, behind = 0;
    if (mode == "NOTSET" && pads.has_value()) {
      before = (*pads)[static_cast<std::size_t>(i)];
      behind = (*pads)[static_cast<std::size_t>(i) + static_cast<std::size_t>(w.spatial)];
      for (const std::int64_t p : {before, behind}) {
        if (p < INT32_MIN || p > INT32_MAX) c.fail("attribute \"pads\" holds {}", p);
      }
    } else if (mode.starts_with("SAME") && w.stride[i] > 0) {
      const std::int64_t in = x.size(i + 2);
      const std::int64_t out = (in + w.stride[i] - 1) / w.stride[i];
      const std::int64_t reach = (w.kernel[i] - 1) * w.dilation[i] + 1;
      const std::int64_t total = std::max<std::int64_t>((out - 1) * w.stride[i] + reach - in, 0);
      before = mode == "SAME_UPPER" ? total / 2 : total - total / 2;
      behind = total - before;
    }
    w.before.push_back(before);
    w.behind.push_back(behind);
  }
  return w;
}

}  // namespace gradus::onnx
