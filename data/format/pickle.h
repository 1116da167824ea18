// Python's pickle format, read as plain data: numbers, texts, lists, dicts, tuples, and of classes and
// functions no more than their names, with the arguments that they were called with. Nothing is looked up and
// nothing is called. Knows no tensors. Internal to data/format. Source: pickletools.py of Python, protocols 2
// to 4.
#pragma once

#include <absl/status/statusor.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gradus::data {

struct Pickled {
  enum class Kind : std::uint8_t {
    none,
    boolean,     // whole: 0 or 1
    whole,       // whole
    real,        // real
    text,        // text
    list,        // items
    tuple,       // items
    dict,        // items: key, value, key, value, ...
    global,      // text: "module name" of a class or function
    call,        // text: of the function; items: its arguments
    persistent,  // items[0]: the identifier of something that lies elsewhere
    mark,        // only while reading
  };
  Kind kind = Kind::none;
  std::int64_t whole = 0;
  double real = 0;
  std::string text;
  std::vector<const Pickled*> items;
  std::size_t offset = 0;  // of the byte that made it, for messages
};

// All objects of a pickle. They may be shared and may contain themselves.
struct Pickle {
  std::vector<std::unique_ptr<Pickled>> objects;
  const Pickled* root = nullptr;
};

// `allowed` says whether a class or function ("collections OrderedDict") may stand in the pickle. A call of
// "collections OrderedDict" is a dict. Errors: DataLoss with the offset (cut off, an empty stack, an unknown
// code), Unimplemented with the offset (a name or an opcode that is not allowed).
absl::StatusOr<Pickle> parse_pickle(std::string_view content, std::string_view file,
                                    bool (*allowed)(std::string_view name));

}  // namespace gradus::data
