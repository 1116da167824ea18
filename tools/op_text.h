// What an op's definition says, in words: for `gradus ops` and its JSON.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "gradus/graph/op_def.h"

namespace gradus::tools {

const char* type_name(AttrType t);

// "softmax(input, dim)"
std::string signature(const OpDef& op);

// "elementwise", "reduction", ...
std::vector<std::string> flag_names(std::uint32_t flags);

// "input, the output": what a SaveMask keeps; "nothing".
std::string saved_names(const OpDef& op, SaveMask mask);

// What the op makes of these inputs, not recorded.
std::vector<Tensor> run(const OpDef& op, std::span<const Tensor> inputs, const void* attrs);

// A JSON array with an object an op, on stdout.
void print_ops_json(std::span<const OpDef* const> ops);

}  // namespace gradus::tools
