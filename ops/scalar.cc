// A scalar operand becomes a tensor of rank 0 with the dtype of the tensor beside it.
#include "gradus/ops/scalar.h"

#include <limits>

#include "gradus/graph/describe.h"
#include "gradus/graph/recording.h"
#include "gradus/graph/tensor_impl.h"

namespace gradus {
namespace {

[[noreturn]] void fail_floating(const Operand& like, Scalar s, const char* op) {
  throw_error<DtypeError>(
      like.where, op,
      "the scalar {} is a floating-point number, the tensor is {}; convert the tensor with "
      "astype(x, DType::f32), or pass an integer",
      s.value, describe(*like.impl));
}

[[noreturn]] void fail_range(const Operand& like, Scalar s, const char* op) {
  throw_error<ValueError>(like.where, op, "the scalar {} does not fit the tensor's dtype: {}",
                          s.is_integer ? fmt::format("{}", s.integer) : fmt::format("{}", s.value),
                          describe(*like.impl));
}

template <class T>
T integer_as(const Operand& like, Scalar s, const char* op, std::int64_t highest) {
  if (!s.is_integer && s.value >= 0x1p63) fail_range(like, s, op);
  if (!s.is_integer) fail_floating(like, s, op);
  if (s.integer < static_cast<std::int64_t>(std::numeric_limits<T>::min()) || s.integer > highest) {
    fail_range(like, s, op);
  }
  return static_cast<T>(s.integer);
}

template <class T>
T integer_as(const Operand& like, Scalar s, const char* op) {
  return integer_as<T>(like, s, op, static_cast<std::int64_t>(std::numeric_limits<T>::max()));
}

}  // namespace

Tensor scalar_like(const Operand& like, Scalar s, const char* op) {
  if (like.impl == nullptr) [[unlikely]] {
    throw_error<ValueError>(like.where, op, "an operand is an empty handle; it was never given a tensor");
  }
  OutputMeta meta;
  meta.dtype = like.impl->dtype;
  Tensor t = Tensor::adopt(new_tensor(meta, like.where, op));
  void* data = t.impl()->data;
  switch (meta.dtype) {
    case DType::f32:
      *static_cast<float*>(data) = static_cast<float>(s.value);
      break;
    case DType::f64:
      *static_cast<double*>(data) = s.value;
      break;
    case DType::i32:
      *static_cast<std::int32_t*>(data) = integer_as<std::int32_t>(like, s, op);
      break;
    case DType::i64:
      *static_cast<std::int64_t*>(data) = integer_as<std::int64_t>(like, s, op);
      break;
    case DType::u8:
      *static_cast<std::uint8_t*>(data) = integer_as<std::uint8_t>(like, s, op);
      break;
    case DType::i8:
      *static_cast<std::int8_t*>(data) = integer_as<std::int8_t>(like, s, op);
      break;
    case DType::i16:
      *static_cast<std::int16_t*>(data) = integer_as<std::int16_t>(like, s, op);
      break;
    case DType::u16:
      *static_cast<std::uint16_t*>(data) = integer_as<std::uint16_t>(like, s, op);
      break;
    case DType::u32:
      *static_cast<std::uint32_t*>(data) = integer_as<std::uint32_t>(like, s, op);
      break;
    case DType::u64:
      *static_cast<std::uint64_t*>(data) =
          integer_as<std::uint64_t>(like, s, op, std::numeric_limits<std::int64_t>::max());
      break;
    case DType::f16:
      *static_cast<float16*>(data) = float16(s.value);
      break;
    case DType::bf16:
      *static_cast<bfloat16*>(data) = bfloat16(s.value);
      break;
    case DType::boolean:
      *static_cast<std::uint8_t*>(data) = integer_as<std::uint8_t>(like, s, op, 1);
      break;
  }
  return t;
}

}  // namespace gradus
