// The calls of a profile as files that other programs show as flame graphs. Times count from the first call.
#pragma once

#include <string>
#include <string_view>

#include "gradus/base/function_ref.h"
#include "gradus/graph/profile.h"

namespace gradus {

struct ProfileExportOptions {
  std::string title = {};
};

// The module of a call, "encoder.layers.3"; "" for none. Calls of one module that follow each other lie under
// one bar a part of its path.
using ModuleOfCall = FunctionRef<std::string(const ProfiledCall&)>;

// For https://www.speedscope.app: its "evented" file format, schema file-format-schema.json.
std::string to_speedscope(std::span<const ProfiledCall> calls, ModuleOfCall module_of,
                          const ProfileExportOptions& options = {});

// For chrome://tracing and https://ui.perfetto.dev: the "Trace Event Format", begin and end events in
// microseconds, with shapes, FLOPs and bytes as arguments.
std::string to_chrome_trace(std::span<const ProfiledCall> calls, ModuleOfCall module_of,
                            const ProfileExportOptions& options = {});

}  // namespace gradus
