#include "gradus/data/prefetch.h"

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace gradus::data {

struct PrefetchThreads::Impl {
  // What became of the item that has the slot.
  struct Slot {
    bool ready = false;
    std::exception_ptr error;
  };

  std::int64_t n = 0;
  UniqueFunction<void(std::int64_t, std::int64_t)> make;

  std::mutex mutex;
  std::condition_variable room;  // for those who make: a slot came back, or the end
  std::condition_variable made;  // for the one who takes
  std::vector<Slot> slots;
  std::int64_t begun = 0;
  std::int64_t taken = 0;  // items whose slot came back
  bool stop = false;       // no more items are begun
  std::vector<std::thread> threads;

  std::int64_t count() const { return static_cast<std::int64_t>(slots.size()); }
  Slot& slot_of(std::int64_t item) { return slots[static_cast<std::size_t>(item % count())]; }

  void run() {
    for (;;) {
      std::int64_t item = 0;
      {
        std::unique_lock lock(mutex);
        room.wait(lock, [&] { return stop || begun == n || begun - taken < count(); });
        if (stop || begun == n) return;
        item = begun++;
      }
      std::exception_ptr failed;
      try {
        make(item, item % count());
      } catch (...) {
        failed = std::current_exception();
      }
      {
        const std::lock_guard lock(mutex);
        slot_of(item) = {true, failed};
        // Items are begun in order, so all before this one are made or being made.
        if (failed != nullptr) stop = true;
      }
      made.notify_one();
      if (failed != nullptr) room.notify_all();
    }
  }

  void end() {
    {
      const std::lock_guard lock(mutex);
      stop = true;
    }
    room.notify_all();
    for (std::thread& t : threads) t.join();
  }
};

PrefetchThreads::PrefetchThreads(std::int64_t n, std::int64_t threads, std::int64_t slots,
                                 UniqueFunction<void(std::int64_t, std::int64_t)> make)
    : impl_(new Impl) {
  impl_->n = n;
  impl_->make = std::move(make);
  impl_->slots.resize(static_cast<std::size_t>(slots));
  impl_->threads.reserve(static_cast<std::size_t>(threads));
  try {
    for (std::int64_t i = 0; i < threads; ++i) {
      impl_->threads.emplace_back([impl = impl_.get()] { impl->run(); });
    }
  } catch (...) {
    impl_->end();
    throw;
  }
}

PrefetchThreads::~PrefetchThreads() { impl_->end(); }

std::int64_t PrefetchThreads::wait() {
  std::unique_lock lock(impl_->mutex);
  const std::int64_t item = impl_->taken;
  Impl::Slot& slot = impl_->slot_of(item);
  impl_->made.wait(lock, [&] { return slot.ready; });
  if (slot.error != nullptr) std::rethrow_exception(slot.error);
  return item % impl_->count();
}

void PrefetchThreads::done() {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->slot_of(impl_->taken++) = {};
  }
  impl_->room.notify_one();
}

}  // namespace gradus::data
