// Who may fork, and the fork itself.
//
// Note [One team]. OpenMP keeps a pool of workers for every thread that forks. A program that calls the
// library from eight threads of its own would own eight pools, each as large as the machine. Therefore one
// thread at a time owns the right to fork; calls from the others run on their own threads, which are busy
// already. The right goes to the first thread that asks, is free again when that thread ends, and moves to a
// thread that was refused kPatience times since the owner last forked: an owner that turned to other work
// does not block the rest.
//
// Note [Threads under the thread sanitizer]. It cannot see into libgomp, whose barriers order our memory
// accesses, and would report races that are none. Builds with it start plain threads for each region instead:
// slow, but the synchronisation that is checked is then the real one.
#include "gradus/base/parallel.h"

#include <omp.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "gradus/base/format.h"

#if defined(__SANITIZE_THREAD__)
#define GRADUS_PLAIN_THREADS 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define GRADUS_PLAIN_THREADS 1
#endif
#endif

namespace gradus {
namespace {

constexpr int kPatience = 64;

std::atomic<int> wanted_threads{0};  // 0: not set

struct Team {
  std::mutex mutex;
  const void* owner = nullptr;
  bool active = false;
  int refused = 0;
};

Team& team() {
  static Team* t = new Team;  // outlives every thread-local destructor
  return *t;
}

// Its address tells threads apart; its end gives the right to fork back.
struct Caller {
  bool inside = false;  // in a region of plain threads
  ~Caller() {
    Team& t = team();
    const std::lock_guard lock(t.mutex);
    if (t.owner == this) t.owner = nullptr;
  }
};

thread_local Caller caller;

bool inside_region() { return caller.inside || omp_in_parallel() != 0; }

// True: this thread may fork now, and must call leave().
bool enter() {
  Team& t = team();
  const std::lock_guard lock(t.mutex);
  if (t.owner != &caller) {
    if (t.active) return false;
    if (t.owner != nullptr && ++t.refused < kPatience) return false;
    t.owner = &caller;
  } else if (t.active) {
    return false;
  }
  t.active = true;
  t.refused = 0;
  return true;
}

void leave() {
  Team& t = team();
  const std::lock_guard lock(t.mutex);
  t.active = false;
}

struct Entered {
  Entered() = default;
  Entered(const Entered&) = delete;
  Entered& operator=(const Entered&) = delete;
  ~Entered() { leave(); }
};

// The ranges of one parallel_for, and the exception that is to be thrown from it.
class Region {
 public:
  Region(std::int64_t n, std::int64_t grain, FunctionRef<void(std::int64_t, std::int64_t)> f)
      : n_(n), grain_(grain), blocks_((n + grain - 1) / grain), f_(f) {}

  void run_part(int part, int parts) noexcept {
    const std::int64_t begin = start(part, parts);
    const std::int64_t end = std::min(n_, start(part + 1, parts));
    if (begin >= end) return;
    try {
      f_(begin, end);
    } catch (...) {
      const std::lock_guard lock(mutex_);
      if (error_ == nullptr || part < error_part_) {
        error_ = std::current_exception();
        error_part_ = part;
      }
    }
  }

  void rethrow() const {
    if (error_ != nullptr) std::rethrow_exception(error_);
  }

 private:
  // The first index of a part. The larger parts come first; blocks_ * part could overflow.
  std::int64_t start(int part, int parts) const {
    const std::int64_t each = blocks_ / parts;
    const std::int64_t more = blocks_ % parts;
    return (each * part + std::min<std::int64_t>(part, more)) * grain_;
  }

  const std::int64_t n_;
  const std::int64_t grain_;
  const std::int64_t blocks_;
  const FunctionRef<void(std::int64_t, std::int64_t)> f_;
  std::mutex mutex_;
  std::exception_ptr error_;
  int error_part_ = 0;
};

void fork(Region& region, int count) {
#ifdef GRADUS_PLAIN_THREADS
  std::vector<std::jthread> workers;
  const auto work = [&region, count](int part) {
    caller.inside = true;
    region.run_part(part, count);
    caller.inside = false;
  };
  for (int part = 1; part < count; ++part) workers.emplace_back(work, part);
  work(0);
#else
#pragma omp parallel num_threads(count)
  region.run_part(omp_get_thread_num(), omp_get_num_threads());  // OpenMP may give fewer than asked
#endif
}

}  // namespace

void parallel_for(std::int64_t n, std::int64_t grain, FunctionRef<void(std::int64_t, std::int64_t)> f) {
  if (n <= 0) return;
  grain = std::max<std::int64_t>(grain, 1);
  if (n / 2 >= grain) {
    const int count = static_cast<int>(std::min<std::int64_t>(threads(), n / grain));
    if (count > 1 && !inside_region() && enter()) {
      const Entered entered;
      Region region(n, grain, f);
      fork(region, count);
      region.rethrow();
      return;
    }
  }
  f(0, n);
}

int threads() {
  const int wanted = wanted_threads.load(std::memory_order_relaxed);
  if (wanted > 0) return wanted;
  static const int initial = std::max(1, omp_get_max_threads());
  return initial;
}

void set_threads(int n, Location where) {
  if (n < 1) throw_error<ValueError>(where, "set_threads", "n is {}; at least one thread must work", n);
  wanted_threads.store(n, std::memory_order_relaxed);
}

LibraryTeam::LibraryTeam() {
  const int most = threads();
  if (most > 1 && !inside_region() && enter()) {
    entered_ = true;
    size_ = most;
  }
  // This sets a variable of the calling thread's task, not of the process (OpenMP 4.5, section 2.3.2).
  before_ = omp_get_max_threads();
  if (before_ != size_) omp_set_num_threads(size_);
}

LibraryTeam::~LibraryTeam() {
  if (before_ != size_) omp_set_num_threads(before_);
  if (entered_) leave();
}

}  // namespace gradus
