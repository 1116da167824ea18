// Convolutions over 1 to 3 spatial axes, in the sense of neural networks: correlations, the kernel is not
// mirrored. f32 and f64; all operands have one dtype. Names and argument order are torch.nn.functional's.
// Results are channels-last in memory: [N, C, H, W] with the strides of [N, H, W, C], in which convolutions
// run fastest; elementwise ops keep that order, contiguous() ends it. Inputs may have any strides.
#pragma once

#include <cstdint>
#include <initializer_list>

#include "gradus/graph/apply.h"
#include "gradus/graph/shape.h"

namespace gradus {

// Zeros around the input: one number for all spatial axes or one for each, before and behind alike;
// ends(before, behind); "valid", which is 0; or "same", with which the result has the input's size (stride 1
// only; an odd number of zeros has the larger part behind).
class ConvPadding {
 public:
  ConvPadding(int n) : before(n), behind(n) {}                   // NOLINT(google-explicit-constructor)
  ConvPadding(std::int64_t n) : before(n), behind(n) {}          // NOLINT(google-explicit-constructor)
  ConvPadding(const Dims& each) : before(each), behind(each) {}  // NOLINT(google-explicit-constructor)
  ConvPadding(std::initializer_list<std::int64_t> each) : before(each), behind(each) {}
  ConvPadding(const char* mode) : before(0), behind(0), mode(mode) {}  // NOLINT(google-explicit-constructor)
  static ConvPadding ends(const Dims& before, const Dims& behind) {
    ConvPadding p(before);
    p.behind = behind;
    return p;
  }

  Dims before, behind;
  const char* mode = nullptr;  // "same", "valid" or none
};

// One number for all spatial axes or one for each: {.stride = 2, .padding = {1, 0}}.
struct ConvOptions {
  Dims stride = 1;
  ConvPadding padding = 0;
  Dims dilation = 1;        // distance between the places of the kernel
  std::int64_t groups = 1;  // group i of the output channels reads group i of the input channels
};

// y[n, o, p] = bias[o] + sum over c and k of weight[o, c, k] input[n, c, p stride - padding + k dilation].
// input [N, C, spatial...] or without N, weight [O, C / groups, kernel...], bias [O] give [N, O, ...]; along
// each axis (size + padding at both ends - dilation (kernel - 1) - 1) / stride + 1 places, rounded down.
// Errors: ShapeError (a kernel larger than the padded input too), DtypeError, ValueError.
Tensor conv1d(Operand input, Operand weight, const ConvOptions& options = {});
Tensor conv1d(Operand input, Operand weight, Operand bias, const ConvOptions& options = {});
Tensor conv2d(Operand input, Operand weight, const ConvOptions& options = {});
Tensor conv2d(Operand input, Operand weight, Operand bias, const ConvOptions& options = {});
Tensor conv3d(Operand input, Operand weight, const ConvOptions& options = {});
Tensor conv3d(Operand input, Operand weight, Operand bias, const ConvOptions& options = {});

struct ConvTransposeOptions {
  Dims stride = 1;
  ConvPadding padding = 0;  // what conv would add, so here it is taken away from the result; no "same"
  Dims output_padding = 0;  // places more at the end of the result; below stride or dilation
  std::int64_t groups = 1;
  Dims dilation = 1;
};

// The gradient of convN by its input, as a function of its own: weight[c, o, k] input[n, c, p] is added to
// y[n, o, p stride - padding + k dilation]. input [N, C, spatial...] or without N, weight
// [C, O / groups, kernel...], bias [O] give [N, O, ...]; along each axis (size - 1) stride - padding at both
// ends + dilation (kernel - 1) + 1 + output_padding places. Errors: ShapeError, DtypeError, ValueError.
Tensor conv_transpose1d(Operand input, Operand weight, const ConvTransposeOptions& options = {});
Tensor conv_transpose1d(Operand input, Operand weight, Operand bias,
                        const ConvTransposeOptions& options = {});
Tensor conv_transpose2d(Operand input, Operand weight, const ConvTransposeOptions& options = {});
Tensor conv_transpose2d(Operand input, Operand weight, Operand bias,
                        const ConvTransposeOptions& options = {});
Tensor conv_transpose3d(Operand input, Operand weight, const ConvTransposeOptions& options = {});
Tensor conv_transpose3d(Operand input, Operand weight, Operand bias,
                        const ConvTransposeOptions& options = {});

}  // namespace gradus
