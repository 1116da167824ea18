// What the parts of the lesson memory-and-time share.
#pragma once

#include <functional>

#include "gradus/docs/examples/lecture/lesson.h"

namespace gradus::lecture {

// memory_and_time_checkpoint.cc: compute again what would be kept.
void checkpointing(Lab& lab);
// memory_and_time_precision.cc: elements of eight, four and two bytes.
void precision(Lab& lab);

// Bytes of large arrays (above 32 KiB) that are in use, and the most that were during f(), beside what was
// before it.
double bytes_in_use();
double peak_bytes(const std::function<void()>& f);
// The median of repeated calls in seconds of one core, after one that does not count.
double median_seconds(const std::function<void()>& f, std::int64_t repeats);

}  // namespace gradus::lecture
