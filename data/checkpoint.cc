#include "gradus/data/checkpoint.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>

#include "gradus/base/format.h"
#include "gradus/base/random.h"
#include "gradus/data/format/safetensors.h"
#include "gradus/graph/state_entries.h"

namespace gradus::data {
namespace {

constexpr const char* kKey = "gradus_checkpoint";
constexpr const char* kVersion = "1";
// The parts, also those without tensors, separated by '/'.
constexpr const char* kParts = "parts";

}  // namespace

bool Checkpoint::has(std::string_view part) const {
  return std::any_of(parts_.begin(), parts_.end(), [&](const auto& p) { return p.first == part; });
}

const NamedTensors& Checkpoint::part(std::string_view name, Location where) const {
  for (const auto& [key, tensors] : parts_) {
    if (key == name) return tensors;
  }
  std::string names;
  for (const auto& p : parts_) names += (names.empty() ? "" : ", ") + p.first;
  throw_error<ValueError>(where, "Checkpoint", "there is no part \"{}\"; the parts are {}", name, names);
}

absl::Status save_checkpoint(const std::string& path, const CheckpointParts& parts) {
  std::unordered_set<std::string_view> seen;
  std::string names;
  NamedTensors all;
  for (const auto& [part, tensors] : parts) {
    if (part.empty() || part.find('/') != std::string::npos) {
      return absl::InvalidArgumentError(
          fmt::format("{}: a part is called \"{}\"; a name without '/' is needed", path, part));
    }
    if (!seen.insert(part).second) {
      return absl::InvalidArgumentError(fmt::format("{}: two parts are called \"{}\"", path, part));
    }
    names += (names.empty() ? "" : "/") + part;
    for (const NamedTensor& t : tensors) all.push_back({part + "/" + t.name, t.tensor});
  }
  return save_safetensors(path, all, {{kKey, kVersion}, {kParts, names}});
}

absl::StatusOr<Checkpoint> load_checkpoint(const std::string& path, std::int64_t max_bytes) {
  absl::StatusOr<Safetensors> file = read_safetensors(path, max_bytes);
  if (!file.ok()) return file.status();
  const auto meta = [&](const char* key) -> const std::string* {
    for (const auto& [k, value] : file->metadata) {
      if (k == key) return &value;
    }
    return nullptr;
  };
  const auto bad = [&](std::string_view what) {
    return absl::DataLossError(fmt::format("{}: {}", path, what));
  };
  const std::string* const version = meta(kKey);
  const std::string* const names = meta(kParts);
  if (version == nullptr || names == nullptr) return bad("a safetensors file, but no checkpoint of gradus");
  if (*version != kVersion) return bad(fmt::format("version \"{}\" of checkpoints is unknown", *version));

  CheckpointParts parts;
  for (std::size_t begin = 0; begin < names->size();) {
    const std::size_t end = std::min(names->find('/', begin), names->size());
    parts.emplace_back(names->substr(begin, end - begin), NamedTensors{});
    begin = end + 1;
  }
  for (NamedTensor& t : file->tensors) {
    const std::size_t slash = t.name.find('/');
    const std::string_view part = std::string_view(t.name).substr(0, slash);
    const auto it = std::find_if(parts.begin(), parts.end(), [&](const auto& p) { return p.first == part; });
    if (slash == std::string::npos || it == parts.end()) {
      return bad(fmt::format("tensor \"{}\" belongs to no part of the checkpoint", t.name));
    }
    it->second.push_back({t.name.substr(slash + 1), std::move(t.tensor)});
  }
  return Checkpoint(std::move(parts));
}

NamedTensors random_state() {
  const Generator g = default_generator();
  return {{"seed", state_scalar(g.seed)}, {"counter", state_scalar(g.counter)}};
}

void load_random_state(const NamedTensors& state, Location where) {
  StateEntries entries(state, "load_random_state", where);
  const auto seed = entries.number<std::uint64_t>("seed"), counter = entries.number<std::uint64_t>("counter");
  entries.refuse_rest();
  set_default_generator({seed, counter});
}

}  // namespace gradus::data
