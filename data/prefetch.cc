#include "gradus/data/prefetch.h"

#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>

namespace gradus::data {

struct PrefetchThread::Impl {
  std::int64_t n;
  std::int64_t slots;
  UniqueFunction<void(std::int64_t, std::int64_t)> make;

  std::mutex mutex;
  std::condition_variable changed;
  std::int64_t made = 0;   // items finished
  std::int64_t taken = 0;  // items whose slot came back
  bool stop = false;
  std::exception_ptr error;  // of item `made`
  std::thread thread;

  void run() {
    for (std::int64_t item = 0; item < n; ++item) {
      {
        std::unique_lock lock(mutex);
        changed.wait(lock, [&] { return stop || item - taken < slots; });
        if (stop) return;
      }
      std::exception_ptr failed;
      try {
        make(item, item % slots);
      } catch (...) {
        failed = std::current_exception();
      }
      const std::lock_guard lock(mutex);
      if (failed != nullptr) {
        error = failed;
        changed.notify_all();
        return;
      }
      ++made;
      changed.notify_all();
    }
  }
};

PrefetchThread::PrefetchThread(std::int64_t n, std::int64_t slots,
                               UniqueFunction<void(std::int64_t, std::int64_t)> make)
    : impl_(new Impl) {
  impl_->n = n;
  impl_->slots = slots;
  impl_->make = std::move(make);
  impl_->thread = std::thread([impl = impl_.get()] { impl->run(); });
}

PrefetchThread::~PrefetchThread() {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->stop = true;
  }
  impl_->changed.notify_all();
  impl_->thread.join();
}

std::int64_t PrefetchThread::wait() {
  std::unique_lock lock(impl_->mutex);
  const std::int64_t item = impl_->taken;
  impl_->changed.wait(lock, [&] { return impl_->made > item || impl_->error != nullptr; });
  if (impl_->made > item) return item % impl_->slots;
  std::rethrow_exception(impl_->error);
}

void PrefetchThread::done() {
  {
    const std::lock_guard lock(impl_->mutex);
    ++impl_->taken;
  }
  impl_->changed.notify_all();
}

}  // namespace gradus::data
