// Resampling as modules: ops/resample.h has the formulas and errors.
#pragma once

#include "gradus/nn/unary_module.h"
#include "gradus/ops/resample.h"

namespace gradus::nn {

// Upsample({.scale_factor = {2}, .mode = gd::InterpolateMode::bilinear}).
struct Upsample : UnaryModule {
  GRADUS_MEMBERS()
  explicit Upsample(InterpolateOptions options) : options(std::move(options)) {}
  Tensor forward(Operand x) const override;
  std::string options_text() const override;

  InterpolateOptions options;
};

struct PixelShuffle : UnaryModule {
  GRADUS_MEMBERS()
  explicit PixelShuffle(std::int64_t upscale_factor) : upscale_factor(upscale_factor) {}
  Tensor forward(Operand x) const override;
  std::string options_text() const override;

  std::int64_t upscale_factor;
};

struct PixelUnshuffle : UnaryModule {
  GRADUS_MEMBERS()
  explicit PixelUnshuffle(std::int64_t downscale_factor) : downscale_factor(downscale_factor) {}
  Tensor forward(Operand x) const override;
  std::string options_text() const override;

  std::int64_t downscale_factor;
};

struct ChannelShuffle : UnaryModule {
  GRADUS_MEMBERS()
  explicit ChannelShuffle(std::int64_t groups) : groups(groups) {}
  Tensor forward(Operand x) const override;
  std::string options_text() const override;

  std::int64_t groups;
};

}  // namespace gradus::nn
