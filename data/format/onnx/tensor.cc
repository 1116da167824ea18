// TensorProto: dims, an element type, and the elements either as bytes (raw_data), or as numbers in a field
// that depends on the type, or in a file of their own.
#include <fmt/format.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <optional>

#include "gradus/base/format.h"
#include "gradus/data/format/onnx/external_data.h"
#include "gradus/data/format/onnx/proto.h"

namespace gradus::onnx {
namespace {

static_assert(std::endian::native == std::endian::little, "the bytes of tensors are read as they lie");

// The elements of the field as N. False: one that N does not have.
template <class N, class Field>
bool read_as(const Field& field, void* out) {
  auto* to = static_cast<N*>(out);
  for (int i = 0; i < field.size(); ++i) {
    const auto v = static_cast<N>(field.Get(i));
    if (static_cast<std::remove_cvref_t<decltype(field.Get(i))>>(v) != field.Get(i)) return false;
    to[i] = v;
  }
  return true;
}

// From bytes as they lie in the file. False: a value that the dtype cannot hold.
bool read_bytes(ElementType type, const char* in, Tensor& t) {
  const std::int64_t n = t.numel();
  if (type == ElementType::boolean && std::any_of(in, in + n, [](char c) { return c != 0 && c != 1; })) {
    return false;
  }
  if (n == 0) return true;
  std::memcpy(t.impl()->data, in, static_cast<std::size_t>(n) * size_of(t.dtype()));
  const auto* whole = static_cast<const std::int64_t*>(t.impl()->data);
  return type != ElementType::u64 || std::all_of(whole, whole + n, [](std::int64_t v) { return v >= 0; });
}

// The number of elements in the field that belongs to the type.
int count_in_field(const pb::TensorProto& p, ElementType type) {
  switch (type) {
    case ElementType::f32:
      return p.float_data_size();
    case ElementType::f64:
      return p.double_data_size();
    case ElementType::i64:
      return p.int64_data_size();
    case ElementType::u32:
    case ElementType::u64:
      return p.uint64_data_size();
    default:
      return p.int32_data_size();
  }
}

// From the field of numbers. False: a value that the type cannot hold.
bool read_field(ElementType type, const pb::TensorProto& p, Tensor& t) {
  void* out = t.impl()->data;
  switch (type) {
    case ElementType::f32:
      std::copy(p.float_data().begin(), p.float_data().end(), static_cast<float*>(out));
      return true;
    case ElementType::f64:
      std::copy(p.double_data().begin(), p.double_data().end(), static_cast<double*>(out));
      return true;
    case ElementType::f16:  // their bits
    case ElementType::bf16:
    case ElementType::u16:
      return read_as<std::uint16_t>(p.int32_data(), out);
    case ElementType::i8:
      return read_as<std::int8_t>(p.int32_data(), out);
    case ElementType::u8:
      return read_as<std::uint8_t>(p.int32_data(), out);
    case ElementType::i16:
      return read_as<std::int16_t>(p.int32_data(), out);
    case ElementType::i32:
      return read_as<std::int32_t>(p.int32_data(), out);
    case ElementType::boolean:
      return read_as<bool>(p.int32_data(), out);
    case ElementType::i64:
      return read_as<std::int64_t>(p.int64_data(), out);
    case ElementType::u32:
      return read_as<std::uint32_t>(p.uint64_data(), out);
    case ElementType::u64:
      return std::all_of(p.uint64_data().begin(), p.uint64_data().end(),
                         [](std::uint64_t v) { return v <= INT64_MAX; }) &&
             read_as<std::int64_t>(p.uint64_data(), out);
    default:
      return false;
  }
}

struct ExternalEntry {
  std::string location;
  std::uint64_t offset = 0;
  std::optional<std::uint64_t> length;
};

std::optional<std::uint64_t> parse_natural(const std::string& text) {
  if (text.empty() || text.size() > 19) return std::nullopt;
  std::uint64_t v = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    v = v * 10 + static_cast<std::uint64_t>(c - '0');
  }
  return v;
}

}  // namespace

absl::Status bad_file(std::string_view file, std::string_view what) {
  return absl::DataLossError(fmt::format("{}: {}", file, what));
}

absl::Status parse_message(std::string_view content, std::string_view file,
                           google::protobuf::Message& message) {
  if (content.size() > INT32_MAX) {
    return absl::ResourceExhaustedError(
        fmt::format("{}: {} bytes; protobuf reads files of less than 2 GiB", file, content.size()));
  }
  if (!message.ParseFromArray(content.data(), static_cast<int>(content.size()))) {
    return bad_file(file, fmt::format("no ONNX file, cut off after {} bytes, or nested too deeply: it cannot "
                                      "be read as {}",
                                      content.size(), message.GetDescriptor()->name()));
  }
  return absl::OkStatus();
}

absl::StatusOr<Value> decode_tensor(const pb::TensorProto& p, std::string_view file, std::string_view what,
                                    const std::string& folder) {
  const auto wrong = [&](std::string_view text) { return bad_file(file, fmt::format("{}: {}", what, text)); };
  const ElementInfo* row = find_element_type(p.data_type());
  if (row == nullptr || row->type == ElementType::undefined) {
    return wrong(fmt::format("{} is no element type", p.data_type()));
  }
  if (p.has_segment()) {
    return absl::UnimplementedError(fmt::format("{}: {}: tensors in segments are not read", file, what));
  }
  if (!row->storage.has_value()) {
    return absl::UnimplementedError(
        fmt::format("{}: {}: gradus has no dtype for the element type {}", file, what, row->name));
  }
  if (p.dims_size() > kMaxRank) {
    return absl::UnimplementedError(
        fmt::format("{}: {}: {} axes; at most {} are supported", file, what, p.dims_size(), kMaxRank));
  }
  Shape shape;
  // In the wider of both forms, so that neither the file's nor the memory's size overflows.
  std::uint64_t widest = std::max<std::uint64_t>(row->bytes, size_of(*row->storage));
  bool empty_tensor = false;
  for (const std::int64_t d : p.dims()) {
    if (d < 0)
      return wrong(fmt::format("dims {} have a negative size",
                               format_shape({p.dims().data(), static_cast<std::size_t>(p.dims_size())})));
    empty_tensor |= d == 0;
    if (d > 0 &&
        (__builtin_mul_overflow(widest, static_cast<std::uint64_t>(d), &widest) || widest > INT64_MAX)) {
      return wrong(fmt::format("dims {} have more elements than any memory",
                               format_shape({p.dims().data(), static_cast<std::size_t>(p.dims_size())})));
    }
    shape.push_back(d);
  }
  const std::int64_t count = empty_tensor ? 0 : shape.numel();
  const std::uint64_t bytes = static_cast<std::uint64_t>(count) * row->bytes;
  const auto does_not_fit = [&] {
    return wrong(
        fmt::format("a value is no {}", row->type == ElementType::u64 ? "uint64 below 2^63" : row->name));
  };

  if (p.data_location() == pb::TensorProto::EXTERNAL) {
    ExternalEntry entry;
    for (const auto& e : p.external_data()) {
      if (e.key() == "location") {
        entry.location = e.value();
      } else if (e.key() == "offset" || e.key() == "length") {
        const std::optional<std::uint64_t> v = parse_natural(e.value());
        if (!v.has_value()) {
          return wrong(fmt::format("the {} of its external data is \"{}\"", e.key(), e.value()));
        }
        if (e.key() == "offset") {
          entry.offset = *v;
        } else {
          entry.length = v;
        }
      }
    }
    if (entry.length.has_value() && *entry.length != bytes) {
      return wrong(fmt::format("{} of {} need {} bytes, its external data has {}", format_shape(shape),
                               row->name, bytes, *entry.length));
    }
    const absl::StatusOr<ExternalBytes> place = find_external(folder, entry.location, entry.offset, bytes);
    if (!place.ok()) return wrong(std::string(place.status().message()));
    Tensor t = empty(shape, *row->storage);
    if (row->type != ElementType::boolean && row->type != ElementType::u64) {
      if (absl::Status s = read_external(*place, t.impl()->data, bytes); !s.ok())
        return wrong(std::string(s.message()));
      return Value{std::move(t), row->type};
    }
    std::string buffer(bytes, '\0');
    if (absl::Status s = read_external(*place, buffer.data(), bytes); !s.ok())
      return wrong(std::string(s.message()));
    if (!read_bytes(row->type, buffer.data(), t)) return does_not_fit();
    return Value{std::move(t), row->type};
  }

  if (p.has_raw_data()) {
    if (p.raw_data().size() != bytes) {
      return wrong(fmt::format("{} of {} need {} bytes, raw_data has {}", format_shape(shape), row->name,
                               bytes, p.raw_data().size()));
    }
    Tensor t = empty(shape, *row->storage);
    if (!read_bytes(row->type, p.raw_data().data(), t)) return does_not_fit();
    return Value{std::move(t), row->type};
  }
  if (count_in_field(p, row->type) != count) {
    return wrong(fmt::format("{} of {} need {} numbers, {} are there", format_shape(shape), row->name, count,
                             count_in_field(p, row->type)));
  }
  Tensor t = empty(shape, *row->storage);
  if (!read_field(row->type, p, t)) return does_not_fit();
  return Value{std::move(t), row->type};
}

void encode_tensor(const Tensor& t, pb::TensorProto& p) {
  p.set_data_type(static_cast<int>(element_type(t.dtype())));
  for (const std::int64_t d : t.shape()) p.add_dims(d);
  const Tensor packed = t.is_contiguous() ? t : t.clone_detached();
  p.set_raw_data(packed.impl()->data, static_cast<std::size_t>(t.numel()) * size_of(t.dtype()));
}

std::string to_bytes(const google::protobuf::Message& message) {
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    message.SerializeToCodedStream(&coded);
  }
  return bytes;
}

absl::StatusOr<NamedTensor> parse_tensor(std::string_view content, std::string_view name) {
  pb::TensorProto proto;
  if (absl::Status s = parse_message(content, name, proto); !s.ok()) return s;
  absl::StatusOr<Value> value = decode_tensor(proto, name, fmt::format("tensor \"{}\"", proto.name()), "");
  if (!value.ok()) return value.status();
  return NamedTensor{proto.name(), std::move(value->tensor)};
}

absl::StatusOr<NamedTensor> load_tensor(const std::string& path, std::int64_t max_bytes) {
  const absl::StatusOr<std::string> content = read_file(path, max_bytes);
  if (!content.ok()) return content.status();
  return parse_tensor(*content, path);
}

}  // namespace gradus::onnx
