// The peak of this process's resident memory, as Linux counts it.
#pragma once

#include <cstdio>

namespace bench {

// VmHWM of /proc/self/status in KiB; -1 where there is no such file.
inline long peak_memory_kib() {
  std::FILE* file = std::fopen("/proc/self/status", "r");
  if (file == nullptr) return -1;
  char line[256];
  long kib = -1;
  while (std::fgets(line, sizeof line, file) != nullptr) {
    if (std::sscanf(line, "VmHWM: %ld kB", &kib) == 1) break;
  }
  std::fclose(file);
  return kib;
}

}  // namespace bench
