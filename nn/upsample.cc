#include "gradus/nn/upsample.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace gradus::nn {

Tensor Upsample::forward(Operand x) const { return interpolate(x, options); }

std::string Upsample::options_text() const {
  constexpr const char* kModes[] = {"nearest",   "nearest-exact", "linear", "bilinear",
                                    "trilinear", "bicubic",       "area"};
  std::string text;
  if (!options.size.empty())
    text = fmt::format("size=({})", fmt::join(options.size.begin(), options.size.end(), ", "));
  else
    text = fmt::format("scale_factor=({})", fmt::join(options.scale_factor, ", "));
  return fmt::format("{}, mode='{}'", text, kModes[static_cast<int>(options.mode)]);
}

Tensor PixelShuffle::forward(Operand x) const { return pixel_shuffle(x, upscale_factor); }
std::string PixelShuffle::options_text() const { return fmt::format("upscale_factor={}", upscale_factor); }

Tensor PixelUnshuffle::forward(Operand x) const { return pixel_unshuffle(x, downscale_factor); }
std::string PixelUnshuffle::options_text() const {
  return fmt::format("downscale_factor={}", downscale_factor);
}

Tensor ChannelShuffle::forward(Operand x) const { return channel_shuffle(x, groups); }
std::string ChannelShuffle::options_text() const { return fmt::format("groups={}", groups); }

}  // namespace gradus::nn
