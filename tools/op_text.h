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

// The dtypes that the op takes for its numbers: each is tried on a sample of the op.
std::vector<std::string> accepted_dtypes(const OpDef& op);

// Shapes of inputs and outputs as the samples have them: "[3, 1], [1, 4] -> [3, 4]".
std::vector<std::string> sample_shapes(const OpDef& op);

// A JSON array with an object an op, on stdout.
void print_ops_json(std::span<const OpDef* const> ops);

}  // namespace gradus::tools
