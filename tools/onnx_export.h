// gradus onnx export, a sub-command of gradus onnx.
#pragma once

namespace CLI {  // NOLINT(readability-identifier-naming): CLI11 names it
class App;
}

namespace gradus::tools {

void add_onnx_export(CLI::App& onnx);

}  // namespace gradus::tools
