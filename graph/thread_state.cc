#include "gradus/graph/recording.h"

namespace gradus::graph_internal {

thread_local constinit ThreadState thread_state{};

}  // namespace gradus::graph_internal
