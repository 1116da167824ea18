#include "gradus/data/format/pytorch.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <optional>
#include <unordered_set>

#include "gradus/base/format.h"
#include "gradus/data/format/bools.h"
#include "gradus/data/format/pickle.h"
#include "gradus/data/format/zip.h"
#include "gradus/ops/creation.h"

namespace gradus::data {
namespace {

using Kind = Pickled::Kind;

constexpr int kMaxDepth = 64;                // of dicts and lists in each other
constexpr std::size_t kMaxNameBytes = 4096;  // of the path to a tensor

constexpr std::pair<std::string_view, DType> kStorages[] = {
    {"torch FloatStorage", DType::f32}, {"torch DoubleStorage", DType::f64},
    {"torch HalfStorage", DType::f16},  {"torch BFloat16Storage", DType::bf16},
    {"torch LongStorage", DType::i64},  {"torch IntStorage", DType::i32},
    {"torch ShortStorage", DType::i16}, {"torch CharStorage", DType::i8},
    {"torch ByteStorage", DType::u8},   {"torch BoolStorage", DType::boolean},
};
// dtypes without a storage class of their own: torch names the dtype beside the tensor.
constexpr std::pair<std::string_view, DType> kDTypes[] = {
    {"torch uint16", DType::u16}, {"torch uint32", DType::u32}, {"torch uint64", DType::u64}};
constexpr std::string_view kUntyped = "torch.storage UntypedStorage";
constexpr std::string_view kTensor2 = "torch._utils _rebuild_tensor_v2";
constexpr std::string_view kTensor3 = "torch._utils _rebuild_tensor_v3";
constexpr std::string_view kParameter = "torch._utils _rebuild_parameter";
constexpr std::string_view kSize = "torch Size";

template <std::size_t N>
std::optional<DType> find_dtype(const std::pair<std::string_view, DType> (&table)[N], std::string_view name) {
  for (const auto& [key, dtype] : table) {
    if (key == name) return dtype;
  }
  return std::nullopt;
}

bool allowed(std::string_view name) {
  return name == "collections OrderedDict" || name == kUntyped || name == kTensor2 || name == kTensor3 ||
         name == kParameter || name == kSize || find_dtype(kStorages, name) || find_dtype(kDTypes, name);
}

class Reader {
 public:
  Reader(const ZipReader& zip, std::string prefix, std::string_view file, std::int64_t max_bytes,
         std::int64_t max_visits)
      : zip_(zip), prefix_(std::move(prefix)), file_(file), budget_(max_bytes), visits_(max_visits) {}

  // Adds everything below `p` to out(). Depth is bounded, and so is the number of steps: lists that share
  // their items may have more paths than bytes.
  absl::Status read(const Pickled& p, const std::string& name, int depth) {
    if (depth > kMaxDepth)
      return wrong(p, name, fmt::format("dicts and lists nested deeper than {}", kMaxDepth));
    if (name.size() > kMaxNameBytes) return wrong(p, "", fmt::format("a name of {} bytes", name.size()));
    if (--visits_ < 0)
      return wrong(p, name, "the objects of the pickle share each other more often than it has bytes");
    switch (p.kind) {
      case Kind::none:
        out_.texts.emplace_back(name, "None");
        return absl::OkStatus();
      case Kind::text:
        out_.texts.emplace_back(name, p.text);
        return absl::OkStatus();
      case Kind::boolean:
        return add(name, full({}, p.whole != 0 ? 1 : 0, DType::boolean));
      case Kind::whole: {
        Tensor t = empty({}, DType::i64);
        t.mutable_span<std::int64_t>()[0] = p.whole;
        return add(name, std::move(t));
      }
      case Kind::real:
        return add(name, full({}, p.real, DType::f64));
      case Kind::list:
      case Kind::tuple:
        for (std::size_t i = 0; i < p.items.size(); ++i) {
          if (absl::Status s = read(*p.items[i], below(name, std::to_string(i)), depth + 1); !s.ok())
            return s;
        }
        return absl::OkStatus();
      case Kind::dict:
        for (std::size_t i = 0; i < p.items.size(); i += 2) {
          const Pickled& key = *p.items[i];
          if (key.kind != Kind::text && key.kind != Kind::whole) {
            return wrong(key, name, "a key of a dict is neither a text nor a whole number");
          }
          const std::string part = key.kind == Kind::text ? key.text : std::to_string(key.whole);
          if (absl::Status s = read(*p.items[i + 1], below(name, part), depth + 1); !s.ok()) return s;
        }
        return absl::OkStatus();
      case Kind::call:
        if (p.text == kParameter && !p.items.empty()) return read(*p.items[0], name, depth + 1);
        if (p.text == kSize && p.items.size() == 1) return read(*p.items[0], name, depth + 1);
        if (p.text == kTensor2 || p.text == kTensor3) return read_tensor(p, name);
        break;
      default:
        break;
    }
    return absl::UnimplementedError(fmt::format(
        "{}: \"{}\" (pickle, at byte {}): neither a tensor, a number, a text nor a dict or list of them",
        file_, name, p.offset));
  }

  PytorchFile& out() { return out_; }

 private:
  static std::string below(const std::string& name, const std::string& part) {
    return name.empty() ? part : name + "." + part;
  }
  absl::Status wrong(const Pickled& p, std::string_view name, std::string_view what) const {
    return absl::DataLossError(
        fmt::format("{}: \"{}\" (pickle, at byte {}): {}", file_, name, p.offset, what));
  }
  absl::Status add(const std::string& name, Tensor t) {
    out_.tensors.push_back({name, std::move(t)});
    return absl::OkStatus();
  }

  static bool whole_numbers(const Pickled& p, Shape* out) {
    if (p.kind == Kind::call && p.text == kSize && p.items.size() == 1)
      return whole_numbers(*p.items[0], out);
    if (p.kind != Kind::tuple || p.items.size() > kMaxRank) return false;
    for (const Pickled* i : p.items) {
      if (i->kind != Kind::whole || i->whole < 0) return false;
      out->push_back(i->whole);
    }
    return true;
  }

  // (storage, offset, size, stride, requires_grad, hooks[, dtype, ...]), where storage is
  // ('storage', class, key, device, elements).
  absl::Status read_tensor(const Pickled& p, const std::string& name) {
    const std::vector<const Pickled*>& a = p.items;
    Shape shape, strides;
    if (a.size() < 6 || a[0]->kind != Kind::persistent || a[1]->kind != Kind::whole || a[1]->whole < 0 ||
        !whole_numbers(*a[2], &shape) || !whole_numbers(*a[3], &strides) || shape.rank() != strides.rank()) {
      return wrong(p, name,
                   fmt::format("no tensor of at most {} axes with a storage, sizes and strides", kMaxRank));
    }
    const Pickled& id = *a[0]->items[0];
    if (id.kind != Kind::tuple || id.items.size() != 5 || id.items[0]->text != "storage" ||
        id.items[1]->kind != Kind::global || id.items[2]->kind != Kind::text ||
        id.items[4]->kind != Kind::whole || id.items[4]->whole < 0) {
      return wrong(*a[0], name, "its storage is no ('storage', class, key, device, elements)");
    }
    std::optional<DType> dtype = find_dtype(kStorages, id.items[1]->text);
    std::int64_t stored = id.items[4]->whole;  // in elements
    if (p.text == kTensor3 && a.size() >= 7) {
      dtype = find_dtype(kDTypes, a[6]->text);
      if (dtype.has_value() && id.items[1]->text == kUntyped)
        stored /= static_cast<std::int64_t>(size_of(*dtype));
    }
    if (!dtype.has_value()) {
      return absl::UnimplementedError(
          fmt::format("{}: \"{}\" (pickle, at byte {}): no dtype of gradus", file_, name, p.offset));
    }

    // The last element that is touched must lie in the storage; one element a place.
    std::int64_t numel = 1, last = a[1]->whole;
    bool fits = true;
    for (int i = 0; i < shape.rank(); ++i) fits &= !__builtin_mul_overflow(numel, shape[i], &numel);
    if (fits && numel > 0) {
      for (int i = 0; i < shape.rank(); ++i) {
        std::int64_t step = 0;
        fits &= !__builtin_mul_overflow(shape[i] - 1, strides[i], &step) &&
                !__builtin_add_overflow(last, step, &last);
      }
    }
    if (!fits || numel > stored || (numel > 0 && last >= stored)) {
      return wrong(p, name,
                   fmt::format("sizes {} with strides {} from element {} on do not fit its storage of {}",
                               format_shape(shape), format_shape(strides), a[1]->whole, stored));
    }
    const std::int64_t bytes = numel * static_cast<std::int64_t>(size_of(*dtype));
    if (bytes > budget_) {
      return absl::ResourceExhaustedError(
          fmt::format("{}: \"{}\": its tensors have more bytes than are taken ({} are left for {})", file_,
                      name, budget_, bytes));
    }
    budget_ -= bytes;

    const absl::StatusOr<const std::string*> storage = storage_bytes(id.items[2]->text, name, p);
    if (!storage.ok()) return storage.status();
    const auto size = static_cast<std::int64_t>(size_of(*dtype));
    if (static_cast<std::int64_t>((*storage)->size()) / size < stored) {
      return wrong(
          p, name,
          fmt::format("its storage of {} {} has {} bytes", stored, gradus::name(*dtype), (*storage)->size()));
    }
    Tensor t = empty(shape, *dtype);
    gather((*storage)->data() + a[1]->whole * size, shape, strides, size, static_cast<char*>(t.impl()->data));
    if (*dtype == DType::boolean &&
        !are_bools({static_cast<const char*>(t.impl()->data), static_cast<std::size_t>(bytes)})) {
      return wrong(p, name, "a byte of a bool tensor is neither 0 nor 1");
    }
    return add(name, std::move(t));
  }

  // Elements of `size` bytes, by strides, into one row.
  static void gather(const char* from, const Shape& shape, const Shape& strides, std::int64_t size,
                     char* to) {
    std::int64_t index[kMaxRank] = {};
    const std::int64_t n = shape.numel();
    if (n == 0) return;
    // The axes that lie row-major in the storage are copied as one run.
    std::int64_t run = 1;
    int outer = shape.rank();
    while (outer > 0 && (strides[outer - 1] == run || shape[outer - 1] == 1)) run *= shape[--outer];
    std::int64_t offset = 0;
    for (std::int64_t done = 0;;) {
      std::memcpy(to + done * size, from + offset * size, static_cast<std::size_t>(run * size));
      done += run;
      if (done == n) return;
      for (int i = outer - 1;; --i) {
        offset += strides[i];
        if (++index[i] < shape[i]) break;
        offset -= index[i] * strides[i];
        index[i] = 0;
      }
    }
  }

  absl::StatusOr<const std::string*> storage_bytes(const std::string& key, const std::string& name,
                                                   const Pickled& p) {
    const auto known = storages_.find(key);
    if (known != storages_.end()) return &known->second;
    const std::string entry = fmt::format("{}data/{}", prefix_, key);
    const int i = zip_.find(entry);
    if (i < 0)
      return wrong(p, name, fmt::format("its bytes, entry \"{}\" of the archive, are missing", entry));
    absl::StatusOr<std::string> bytes = zip_.read(i);
    if (!bytes.ok()) return bytes.status();
    return &storages_.emplace(key, *std::move(bytes)).first->second;
  }

  const ZipReader& zip_;
  std::string prefix_;
  std::string_view file_;
  std::int64_t budget_, visits_;
  std::map<std::string, std::string> storages_;
  PytorchFile out_;
};

}  // namespace

absl::StatusOr<PytorchFile> parse_pytorch(std::string_view content, std::string_view file,
                                          std::int64_t max_bytes) {
  if (content.starts_with("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19")) {
    return absl::UnimplementedError(
        fmt::format("{}: written as PyTorch did before 1.6; load it there and torch.save it again", file));
  }
  const absl::StatusOr<ZipReader> zip = ZipReader::open(content, file, max_bytes);
  if (!zip.ok()) return zip.status();
  const auto root = std::find_if(zip->entries().begin(), zip->entries().end(), [](const ZipEntry& e) {
    return e.name == "data.pkl" || (e.name.ends_with("/data.pkl") && e.name.find('/') == e.name.size() - 9);
  });
  if (root == zip->entries().end()) {
    return absl::DataLossError(
        fmt::format("{}: an archive without data.pkl: not a file of torch.save", file));
  }
  const std::string prefix = root->name.substr(0, root->name.size() - std::strlen("data.pkl"));
  if (zip->find(prefix + "constants.pkl") >= 0) {
    return absl::UnimplementedError(
        fmt::format("{}: a TorchScript module; save torch.jit.load(path).state_dict() instead", file));
  }
  if (const int order = zip->find(prefix + "byteorder"); order >= 0) {
    const absl::StatusOr<std::string> text = zip->read(order);
    if (!text.ok()) return text.status();
    if (*text != "little") {
      return absl::UnimplementedError(
          fmt::format("{}: its byte order is \"{}\"; \"little\" is read", file, text->substr(0, 16)));
    }
  }
  const absl::StatusOr<std::string> bytes = zip->read(static_cast<int>(root - zip->entries().begin()));
  if (!bytes.ok()) return bytes.status();
  const absl::StatusOr<Pickle> pickle = parse_pickle(*bytes, file, allowed);
  if (!pickle.ok()) return pickle.status();
  // One storage may be the memory of many tensors, and each gets a copy.
  const auto size = static_cast<std::int64_t>(content.size());
  const std::int64_t budget = size > max_bytes / kMaxUnpackRatio ? max_bytes : size * kMaxUnpackRatio;
  Reader reader(*zip, prefix, file, budget, static_cast<std::int64_t>(bytes->size()));
  if (absl::Status s = reader.read(*pickle->root, "", 0); !s.ok()) return s;
  std::unordered_set<std::string_view> names;
  for (const NamedTensor& t : reader.out().tensors) {
    if (!names.insert(t.name).second) {
      return absl::DataLossError(fmt::format("{}: two tensors lie under \"{}\"", file, t.name));
    }
  }
  return std::move(reader.out());
}

absl::StatusOr<PytorchFile> load_pytorch(const std::string& path, std::int64_t max_bytes) {
  const absl::StatusOr<std::string> content = read_file(path, max_bytes);
  if (!content.ok()) return content.status();
  return parse_pytorch(*content, path, max_bytes);
}

}  // namespace gradus::data
