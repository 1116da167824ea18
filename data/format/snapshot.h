// Snapshots of graphs from JSON text, as to_json() of graph/snapshot.h writes it. docs/graphs.md describes
// the format.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "gradus/graph/snapshot.h"

namespace gradus {

// Errors: InvalidArgument with the place of the fault for text that is cut off, is no snapshot, is of another
// version, or whose nodes read what is not there.
absl::StatusOr<GraphSnapshot> parse_snapshot(std::string_view json);

// The same from a file, whose name begins the message. Errors: also those of reading it.
absl::StatusOr<GraphSnapshot> load_snapshot(const std::string& path);

}  // namespace gradus
