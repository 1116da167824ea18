#include "gradus/data/state.h"

#include <algorithm>

#include "gradus/base/format.h"
#include "gradus/graph/describe.h"

namespace gradus::data {

Tensor whole(std::uint64_t value) {
  Tensor t = empty({}, DType::u64);
  t.mutable_span<std::uint64_t>()[0] = value;
  return t;
}

std::vector<std::uint64_t> read_wholes(const NamedTensors& state,
                                       std::initializer_list<std::string_view> names, const char* op,
                                       Location where) {
  for (const NamedTensor& t : state) {
    if (std::find(names.begin(), names.end(), t.name) == names.end()) {
      throw_error<ValueError>(where, op, "the state has an unknown entry \"{}\"", t.name);
    }
  }
  std::vector<std::uint64_t> out;
  for (const std::string_view name : names) {
    const auto is_it = [&](const NamedTensor& t) { return t.name == name; };
    const auto it = std::find_if(state.begin(), state.end(), is_it);
    if (it == state.end()) throw_error<ValueError>(where, op, "the state has no entry \"{}\"", name);
    if (std::count_if(state.begin(), state.end(), is_it) > 1) {
      throw_error<ValueError>(where, op, "the state has the entry \"{}\" twice", name);
    }
    if (it->tensor.dtype() != DType::u64) {
      throw_error<DtypeError>(where, op, "\"{}\" is {}; u64 is needed", name, describe(it->tensor));
    }
    if (it->tensor.rank() != 0) {
      throw_error<ShapeError>(where, op, "\"{}\" is {}; a scalar is needed", name, describe(it->tensor));
    }
    out.push_back(it->tensor.item<std::uint64_t>());
  }
  return out;
}

}  // namespace gradus::data
