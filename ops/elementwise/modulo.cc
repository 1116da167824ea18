#include "gradus/ops/elementwise/modulo.h"

#include "gradus/ops/kernels/layout.h"

namespace gradus {
namespace {

template <class T>
bool has_zero(const View& v) {
  const T* p = v.as<T>();
  const View* views[] = {&v};
  const kernels::Layout layout = kernels::make_layout(views, 1);
  if (layout.rank == 0) return *p == 0;
  const std::int64_t stride = layout.strides[0][layout.rank - 1];
  for (kernels::Runs run(layout, 0, layout.numel); run.n > 0; run.next()) {
    for (std::int64_t i = 0; i < run.n; ++i) {
      if (p[run.offset[0] + i * stride] == 0) return true;
    }
  }
  return false;
}

bool has_zero_of_any(const View& v) {
  switch (v.dtype) {
    case DType::i32:
      return has_zero<std::int32_t>(v);
    case DType::i64:
      return has_zero<std::int64_t>(v);
    case DType::u8:
      return has_zero<std::uint8_t>(v);
    default:
      return false;
  }
}

}  // namespace

void refuse_zero_divisor(const KernelContext& c) {
  if (c.out[0].numel == 0) return;
  if (has_zero_of_any(c.in[1])) {
    c.fail_value("an integer divisor is 0; convert both with astype(x, DType::f32) for NaN there");
  }
}

}  // namespace gradus
