#include "gradus/docs/examples/lecture/lesson.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>

namespace gradus::lecture {

std::span<const Entry> lessons() {
  static const std::vector<Entry> kSorted = [] {
    std::vector<Entry> list(all_lessons().begin(), all_lessons().end());
    std::ranges::sort(list, {}, [](const Entry& e) { return e.lesson->number; });
    return list;
  }();
  return kSorted;
}

void side_by_side(Lab& lab, std::int64_t count, const std::function<void(std::int64_t)>& run,
                  std::int64_t done, std::int64_t total) {
  const auto seed = default_generator().seed;
  const RandomStream seeds = reserve_random(static_cast<std::uint64_t>(count));
  std::mutex mutex;
  std::condition_variable changed;
  std::int64_t next = 0, finished = 0;  // under the mutex, as the following
  std::exception_ptr failure;
  const auto work = [&] {
    std::unique_lock lock(mutex);
    while (next < count && failure == nullptr) {
      const std::int64_t i = next++;
      lock.unlock();
      const auto block = random_block(seeds, static_cast<std::uint64_t>(i));
      const GeneratorScope scope({.seed = seed ^ (std::uint64_t{block[0]} << 32 | block[1])});
      std::exception_ptr thrown;
      try {
        run(i);
      } catch (...) {
        thrown = std::current_exception();
      }
      lock.lock();
      if (thrown != nullptr && failure == nullptr) failure = thrown;
      ++finished;
      changed.notify_one();
    }
  };
  const auto cores = static_cast<std::int64_t>(std::max(1U, std::thread::hardware_concurrency()));
  std::vector<std::jthread> threads;  // the last to be made, the first to end
  for (std::int64_t t = 0; t < std::min(cores, count); ++t) threads.emplace_back(work);
  std::unique_lock lock(mutex);
  for (std::int64_t shown = 0; shown < count && failure == nullptr;) {
    changed.wait_for(lock, std::chrono::milliseconds(200),
                     [&] { return finished > shown || failure != nullptr; });
    shown = finished;
    lock.unlock();
    try {
      lab.progress(done + shown, total);
    } catch (...) {
      lock.lock();
      failure = std::current_exception();
      break;
    }
    lock.lock();
  }
  const bool failed = failure != nullptr;
  lock.unlock();
  threads.clear();
  if (failed) std::rethrow_exception(failure);
}

}  // namespace gradus::lecture
