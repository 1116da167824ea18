#include "gradus/data/format/safetensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <unordered_set>

#include "gradus/base/format.h"
#include "gradus/base/mapped_file.h"
#include "gradus/data/format/bools.h"

namespace gradus::data {
namespace {

static_assert(std::endian::native == std::endian::little,
              "the bytes of tensors are written as they lie in memory");

using nlohmann::json;

constexpr std::size_t kLengthBytes = 8;
constexpr std::size_t kAlignment = 8;                   // of the first tensor's bytes; the header is padded
constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;  // as the reference implementation
constexpr const char* kMetadata = "__metadata__";

constexpr std::pair<const char*, DType> kDTypes[] = {
    {"F32", DType::f32},   {"F64", DType::f64},      {"I32", DType::i32}, {"I64", DType::i64},
    {"U8", DType::u8},     {"BOOL", DType::boolean}, {"I8", DType::i8},   {"I16", DType::i16},
    {"U16", DType::u16},   {"U32", DType::u32},      {"U64", DType::u64}, {"F16", DType::f16},
    {"BF16", DType::bf16},
};

const char* code_of(DType t) {
  for (const auto& [code, dtype] : kDTypes) {
    if (dtype == t) return code;
  }
  return nullptr;
}

std::optional<DType> dtype_of_code(std::string_view code) {
  for (const auto& [c, dtype] : kDTypes) {
    if (code == c) return dtype;
  }
  return std::nullopt;
}

absl::Status bad(std::string_view file, std::string_view what) {
  return absl::DataLossError(fmt::format("{}: {}", file, what));
}

struct Entry {
  std::string name;
  DType dtype;
  Shape shape;
  std::uint64_t begin, end;
};

// A whole number >= 0; JSON knows 3.0 and 1e3 too, the format does not.
std::optional<std::uint64_t> natural(const json& j) {
  if (!j.is_number_unsigned()) return std::nullopt;
  return j.get<std::uint64_t>();
}

absl::StatusOr<Entry> parse_entry(std::string_view file, const std::string& name, const json& j) {
  const auto wrong = [&](std::string_view what) {
    return bad(file, fmt::format("tensor \"{}\": {}", name, what));
  };
  if (!j.is_object()) return wrong("its entry is no JSON object");
  const auto dtype = j.find("dtype"), shape = j.find("shape"), offsets = j.find("data_offsets");
  if (dtype == j.end() || !dtype->is_string()) return wrong("\"dtype\" is missing or no text");
  if (shape == j.end() || !shape->is_array()) return wrong("\"shape\" is missing or no list");
  if (offsets == j.end() || !offsets->is_array() || offsets->size() != 2) {
    return wrong("\"data_offsets\" is missing or no list of two");
  }
  if (j.size() != 3) return wrong("its entry has other members than dtype, shape and data_offsets");

  Entry e{name, DType::f32, {}, 0, 0};
  const auto& code = dtype->get_ref<const std::string&>();
  const std::optional<DType> known = dtype_of_code(code);
  if (!known.has_value()) {
    std::string known_codes;
    for (const auto& [c, unused] : kDTypes)
      known_codes += fmt::format("{}{}", known_codes.empty() ? "" : ", ", c);
    return absl::UnimplementedError(
        fmt::format("{}: tensor \"{}\": gradus has no dtype {}; it reads {}", file, name, code, known_codes));
  }
  e.dtype = *known;
  if (shape->size() > kMaxRank) {
    return wrong(fmt::format("{} axes; at most {} are supported", shape->size(), kMaxRank));
  }
  std::uint64_t bytes = size_of(e.dtype);
  for (const json& d : *shape) {
    const std::optional<std::uint64_t> size = natural(d);
    if (!size.has_value() || *size > std::uint64_t{1} << 62)
      return wrong("a size in \"shape\" is no natural number");
    if (__builtin_mul_overflow(bytes, *size, &bytes))
      return wrong("\"shape\" has more elements than any file");
    e.shape.push_back(static_cast<std::int64_t>(*size));
  }
  const std::optional<std::uint64_t> begin = natural((*offsets)[0]), end = natural((*offsets)[1]);
  if (!begin.has_value() || !end.has_value() || *begin > *end) {
    return wrong("\"data_offsets\" is no range of bytes");
  }
  e.begin = *begin;
  e.end = *end;
  if (e.end - e.begin != bytes) {
    return wrong(fmt::format("its shape {} of {} needs {} bytes, \"data_offsets\" gives {}",
                             format_shape(e.shape), code, bytes, e.end - e.begin));
  }
  return e;
}

absl::StatusOr<json> parse_header(std::string_view file, std::string_view text) {
  // The parser keeps the last of two members of one name; the format forbids them.
  std::vector<std::unordered_set<std::string>> names;
  std::string twice;
  const json::parser_callback_t watch = [&](int, json::parse_event_t event, json& parsed) {
    if (event == json::parse_event_t::object_start) {
      names.emplace_back();
    } else if (event == json::parse_event_t::object_end) {
      names.pop_back();
    } else if (event == json::parse_event_t::key) {
      if (!names.back().insert(parsed.get<std::string>()).second && twice.empty()) {
        twice = parsed.get<std::string>();
      }
    }
    return true;
  };
  json header;
  try {
    header = json::parse(text.begin(), text.end(), watch);
  } catch (const json::parse_error& e) {
    return bad(file, fmt::format("the header is no JSON: error at byte {}", kLengthBytes + e.byte));
  }
  if (!header.is_object()) return bad(file, "the header is no JSON object");
  if (!twice.empty()) return bad(file, fmt::format("the header has \"{}\" twice", twice));
  return header;
}

// What a file holds, each entry's range of bytes known to lie in it.
struct Contents {
  std::vector<Entry> entries;  // in the order of their bytes
  Metadata metadata;
  std::size_t begin = 0;  // of the data
};

absl::StatusOr<Contents> parse_contents(std::string_view content, std::string_view file) {
  if (content.size() < kLengthBytes) {
    return bad(file, fmt::format("cut off after {} bytes; the first 8 give the length of the header",
                                 content.size()));
  }
  std::uint64_t length = 0;
  std::memcpy(&length, content.data(), kLengthBytes);
  if (length > kMaxHeaderBytes || length > content.size() - kLengthBytes) {
    return bad(file, fmt::format("at byte 0: a header of {} bytes; {} bytes follow", length,
                                 content.size() - kLengthBytes));
  }
  const std::string_view text = content.substr(kLengthBytes, static_cast<std::size_t>(length));
  if (!text.starts_with('{')) return bad(file, "at byte 8: the header does not begin with '{'");
  const absl::StatusOr<json> header = parse_header(file, text);
  if (!header.ok()) return header.status();
  const std::string_view data = content.substr(kLengthBytes + text.size());

  Contents out;
  out.begin = kLengthBytes + text.size();
  std::vector<Entry>& entries = out.entries;
  for (const auto& [name, value] : header->items()) {
    if (name == kMetadata) {
      if (!value.is_object()) return bad(file, "\"__metadata__\" is no JSON object");
      for (const auto& [key, entry] : value.items()) {
        if (!entry.is_string()) return bad(file, fmt::format("\"__metadata__\": \"{}\" is no text", key));
        out.metadata.emplace_back(key, entry.get<std::string>());
      }
      continue;
    }
    absl::StatusOr<Entry> entry = parse_entry(file, name, value);
    if (!entry.ok()) return entry.status();
    entries.push_back(*std::move(entry));
  }
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
  });
  std::uint64_t expected = 0;
  for (const Entry& e : entries) {
    if (e.begin != expected) {
      return bad(file, fmt::format("tensor \"{}\" begins at byte {} of the data, the one before ends at {}",
                                   e.name, e.begin, expected));
    }
    expected = e.end;
  }
  if (expected != data.size()) {
    return bad(file, fmt::format("the tensors have {} bytes, {} are there: {}", expected, data.size(),
                                 expected > data.size() ? "the file is cut off" : "something follows them"));
  }
  return out;
}

absl::Status check_bools(std::string_view file, const Entry& e, std::string_view bytes) {
  if (e.dtype != DType::boolean || are_bools(bytes)) return absl::OkStatus();
  return bad(file, fmt::format("tensor \"{}\": a byte of a BOOL tensor is neither 0 nor 1", e.name));
}

Tensor copy_of(const Entry& e, std::string_view bytes) {
  Tensor t = empty(e.shape, e.dtype);
  if (!bytes.empty()) std::memcpy(t.impl()->data, bytes.data(), bytes.size());
  return t;
}

}  // namespace

absl::StatusOr<Safetensors> parse_safetensors(std::string_view content, std::string_view file) {
  absl::StatusOr<Contents> contents = parse_contents(content, file);
  if (!contents.ok()) return contents.status();
  Safetensors out{{}, std::move(contents->metadata)};
  // Only now is memory taken: as much as the file has.
  for (Entry& e : contents->entries) {
    const std::string_view bytes = content.substr(contents->begin + e.begin, e.end - e.begin);
    if (absl::Status s = check_bools(file, e, bytes); !s.ok()) return s;
    Tensor t = copy_of(e, bytes);
    out.tensors.push_back({std::move(e.name), std::move(t)});
  }
  return out;
}

absl::StatusOr<NamedTensors> map_safetensors(const std::string& path) {
  absl::StatusOr<MappedFile> opened = MappedFile::open(path);
  if (!opened.ok()) return opened.status();
  // Each tensor has a storage, and so a version, of its own; the mapping is what they share.
  const auto file = std::make_shared<const MappedFile>(*std::move(opened));
  absl::StatusOr<Contents> contents =
      parse_contents(file->data() == nullptr ? "" : std::string_view(file->data(), file->size()), path);
  if (!contents.ok()) return contents.status();
  NamedTensors out;
  for (Entry& e : contents->entries) {
    char* const data = file->data() + contents->begin + e.begin;
    const std::string_view bytes(data, e.end - e.begin);
    if (absl::Status s = check_bools(path, e, bytes); !s.ok()) return s;
    const bool aligned = reinterpret_cast<std::uintptr_t>(data) % size_of(e.dtype) == 0;
    Tensor t = aligned && !bytes.empty() ? from_buffer(data, e.shape, e.dtype, [file] {}) : copy_of(e, bytes);
    out.push_back({std::move(e.name), std::move(t)});
  }
  return out;
}

absl::StatusOr<Safetensors> read_safetensors(const std::string& path, std::int64_t max_bytes) {
  const absl::StatusOr<std::string> content = read_file(path, max_bytes);
  if (!content.ok()) return content.status();
  return parse_safetensors(*content, path);
}

absl::StatusOr<NamedTensors> load_safetensors(const std::string& path, std::int64_t max_bytes) {
  absl::StatusOr<Safetensors> all = read_safetensors(path, max_bytes);
  if (!all.ok()) return all.status();
  return std::move(all->tensors);
}

absl::Status save_safetensors(const std::string& path, const NamedTensors& tensors,
                              const Metadata& metadata) {
  std::unordered_set<std::string_view> names;
  std::vector<const NamedTensor*> order;
  for (const NamedTensor& t : tensors) {
    if (!t.tensor.defined()) {
      return absl::InvalidArgumentError(fmt::format("{}: tensor \"{}\" is an empty handle", path, t.name));
    }
    if (t.name == kMetadata) {
      return absl::InvalidArgumentError(fmt::format("{}: a tensor cannot be called \"{}\"", path, t.name));
    }
    if (!names.insert(t.name).second) {
      return absl::InvalidArgumentError(fmt::format("{}: two tensors are called \"{}\"", path, t.name));
    }
    order.push_back(&t);
  }
  // The widest elements first, so that every tensor is aligned without gaps; as the reference implementation.
  std::stable_sort(order.begin(), order.end(), [](const NamedTensor* a, const NamedTensor* b) {
    return size_of(a->tensor.dtype()) > size_of(b->tensor.dtype());
  });

  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!metadata.empty()) {
    nlohmann::ordered_json& m = header[kMetadata];
    for (const auto& [key, value] : metadata) m[key] = value;
  }
  std::uint64_t offset = 0;
  for (const NamedTensor* t : order) {
    const Shape shape = t->tensor.shape();
    const std::uint64_t bytes = static_cast<std::uint64_t>(t->tensor.numel()) * size_of(t->tensor.dtype());
    nlohmann::ordered_json& e = header[t->name];
    e["dtype"] = code_of(t->tensor.dtype());
    e["shape"] = std::vector<std::int64_t>(shape.begin(), shape.end());
    e["data_offsets"] = {offset, offset + bytes};
    offset += bytes;
  }
  std::string text;
  try {
    text = header.dump();
  } catch (const json::type_error&) {
    return absl::InvalidArgumentError(fmt::format("{}: a name or a text is not UTF-8", path));
  }
  text.append((kAlignment - (kLengthBytes + text.size()) % kAlignment) % kAlignment, ' ');

  absl::StatusOr<AtomicFile> out = AtomicFile::create(path);
  if (!out.ok()) return out.status();
  const std::uint64_t length = text.size();
  std::string start(reinterpret_cast<const char*>(&length), kLengthBytes);
  start += text;
  if (absl::Status s = out->write(start); !s.ok()) return s;
  for (const NamedTensor* t : order) {
    const Tensor whole = t->tensor.is_contiguous() ? t->tensor : t->tensor.clone_detached();
    const std::size_t bytes = static_cast<std::size_t>(whole.numel()) * size_of(whole.dtype());
    if (absl::Status s = out->write({static_cast<const char*>(whole.impl()->data), bytes}); !s.ok()) return s;
  }
  return out->commit();
}

}  // namespace gradus::data
