#include "gradus/tools/search_run.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <deque>
#include <exception>
#include <map>
#include <mutex>
#include <thread>

#include "gradus/base/error.h"
#include "gradus/base/generator_scope.h"
#include "gradus/base/random.h"
#include "gradus/tools/command.h"

namespace gradus::tools {
namespace {

using Clock = std::chrono::steady_clock;

struct Stopped {};

// A run that leaves nothing but its figures.
class TrialRun : public zoo::Run {
 public:
  TrialRun(const zoo::Values& values, const std::string& data, std::function<void(double part)> progress)
      : Run(values, data), progress_(std::move(progress)) {}
  void step(std::int64_t step, std::int64_t total, double loss) override {
    progress_(static_cast<double>(step) / static_cast<double>(std::max(step, total)));
    if (!std::isfinite(loss)) throw ValueError(fmt::format("the loss is {} at step {}", loss, step));
  }
  void row(const char*, std::int64_t, const zoo::Figures&) override {}
  void text(std::string_view, std::string_view) override {}
  void image(std::string_view, const Tensor&) override {}
  void weights(std::string_view, const nn::Module&) override {}

 private:
  std::function<void(double)> progress_;
};

std::uint64_t seed_of(std::uint64_t seed, std::int64_t number) {
  // Behind the streams that draw points. 31 bits, to be typed.
  const RandomStream stream{.seed = seed, .offset = std::uint64_t{3} << 61};
  return random_block(stream, static_cast<std::uint64_t>(number))[0] >> 1;
}

class Trials {
 public:
  Trials(const SearchTask& task, std::vector<TrialResult>& results, const InterruptGuard& interrupt)
      : task_(task), results_(results), interrupt_(interrupt) {
    const auto n = static_cast<std::size_t>(task.plan->trials());
    tried_.resize(n);
    ended_.resize(n);
    for (const TrialResult& r : results) {
      const auto i = static_cast<std::size_t>(r.number);
      if (i >= n) continue;
      tried_[i] = {r.trial.point, loss(task, r)};
      ended_[i] = true;
    }
    for (std::size_t i = 0; i < n; ++i)
      if (!ended_[i]) work_left_ += weight(static_cast<std::int64_t>(i));
    count_left_ = std::ranges::count(ended_, false);
    skip_ended();
  }

  void run(int jobs, const std::function<void(const TrialResult&)>& ended) {
    std::vector<std::jthread> threads;
    const std::int64_t most = std::min<std::int64_t>(jobs, count_left_);
    const auto join = [&] {
      stop();
      threads.clear();
    };
    try {
      for (std::int64_t t = 0; t < most; ++t) threads.emplace_back([this] { work(); });
      collect(ended);
    } catch (const Interrupted&) {
      join();
      wipe();
      // What ended while the others were stopped.
      for (; !finished_.empty(); finished_.pop_front()) {
        results_.push_back(finished_.front());
        ended(results_.back());
      }
      throw;
    } catch (...) {
      join();
      wipe();
      throw;
    }
    join();
    wipe();
    if (broken_ != nullptr) std::rethrow_exception(broken_);
  }

 private:
  double weight(std::int64_t number) const {
    return std::max(1.0, static_cast<double>(task_.plan->resource(number)));
  }
  void skip_ended() {
    while (first_open_ < tried_.size() && ended_[first_open_]) ++first_open_;
    while (next_ < tried_.size() && ended_[next_]) ++next_;
  }
  void stop() {
    const std::lock_guard lock(mutex_);
    stop_ = true;
    changed_.notify_all();
  }

  // A worker: takes trials in order, each when those are through that it depends on.
  void work() {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [&] {
        return stop_ || next_ >= tried_.size() ||
               static_cast<std::int64_t>(first_open_) >= task_.plan->needs(static_cast<std::int64_t>(next_));
      });
      if (stop_ || next_ >= tried_.size()) return;
      const std::size_t number = next_;
      TrialResult result{.number = static_cast<std::int64_t>(number)};
      try {
        result.trial = task_.plan->trial(result.number, std::span(tried_).first(number));
      } catch (...) {
        broken_ = std::current_exception();
        stop_ = true;
        changed_.notify_all();
        return;
      }
      tried_[number].point = result.trial.point;
      ++next_;
      skip_ended();
      running_[number] = 0;
      changed_.notify_all();
      lock.unlock();
      const bool through = train(result);
      lock.lock();
      running_.erase(number);
      if (!through) return;
      finished_.push_back(std::move(result));
      changed_.notify_all();
    }
  }

  // False where the search was stopped.
  bool train(TrialResult& result) {
    const auto start = Clock::now();
    result.seed = seed_of(task_.seed, result.number);
    try {
      const GeneratorScope scope({.seed = result.seed});
      zoo::Values values = task_.values;
      for (std::size_t i = 0; i < task_.searched.size(); ++i)
        values.set(task_.searched[i], result.trial.point[i]);
      if (!task_.resource.empty()) values.set(task_.resource, static_cast<double>(result.trial.resource));
      TrialRun run(values, task_.data, [&](double part) {
        if (stop_.load()) throw Stopped();
        const std::lock_guard lock(mutex_);
        running_[static_cast<std::size_t>(result.number)] = part;
      });
      result.figures = task_.entry->example->train(run);
      const auto figure = std::ranges::find(result.figures, task_.metric, &zoo::Figures::value_type::first);
      if (figure == result.figures.end()) {
        result.failure = fmt::format("it reports no figure '{}'", task_.metric);
      } else if (!std::isfinite(figure->second)) {
        result.failure = fmt::format("{} is {}", task_.metric, figure->second);
      } else {
        result.metric = figure->second;
      }
    } catch (const Stopped&) {
      return false;
    } catch (const std::bad_alloc&) {
      result.failure = "not enough memory";
    } catch (const std::exception& e) {
      result.failure = e.what();
    }
    result.seconds = std::chrono::duration<double>(Clock::now() - start).count();
    return true;
  }

  // The calling thread: takes what the workers have found, and shows how far they are.
  void collect(const std::function<void(const TrialResult&)>& ended) {
    std::unique_lock lock(mutex_);
    while (count_left_ > 0 && broken_ == nullptr) {
      changed_.wait_for(lock, std::chrono::milliseconds(100),
                        [&] { return !finished_.empty() || broken_ != nullptr; });
      while (!finished_.empty()) {
        const TrialResult result = std::move(finished_.front());
        finished_.pop_front();
        const auto number = static_cast<std::size_t>(result.number);
        tried_[number].loss = loss(task_, result);
        ended_[number] = true;
        skip_ended();
        --count_left_;
        work_done_ += weight(result.number);
        results_.push_back(result);
        changed_.notify_all();
        lock.unlock();
        wipe();
        ended(result);
        lock.lock();
      }
      double done = work_done_;
      for (const auto& [number, part] : running_) done += part * weight(static_cast<std::int64_t>(number));
      lock.unlock();
      interrupt_.check();
      draw(done);
      lock.lock();
    }
  }

  void draw(double done) {
    if (!shown_) return;
    constexpr int kCells = 24;
    const double part = std::min(1.0, done / work_left_);
    const auto full = static_cast<int>(part * kCells);
    const double seconds = std::chrono::duration<double>(Clock::now() - start_).count();
    std::string best;
    if (const TrialResult* b = best_trial(task_, results_); b != nullptr)
      best = fmt::format("  best {:.4g} (trial {})", b->metric, b->number);
    const std::string left = part > 0 ? fmt::format("  {:.0f} s left", seconds / part * (1 - part)) : "";
    fmt::print(stderr, "\r\033[K[{:#>{}}{:.>{}}]  {} of {} trials{}{}", "", full, "", kCells - full,
               results_.size(), tried_.size(), best, left);
    std::fflush(stderr);
  }
  void wipe() const {
    if (shown_) fmt::print(stderr, "\r\033[K");
  }

  const SearchTask& task_;
  std::vector<TrialResult>& results_;  // of the calling thread
  const InterruptGuard& interrupt_;
  const bool shown_ = isatty(STDERR_FILENO) != 0;
  const Clock::time_point start_ = Clock::now();

  std::mutex mutex_;  // for all that follows
  std::condition_variable changed_;
  std::vector<optim::search::Tried> tried_;
  std::vector<bool> ended_;
  std::size_t first_open_ = 0;  // all before it have ended
  std::size_t next_ = 0;        // to be started
  std::deque<TrialResult> finished_;
  std::map<std::size_t, double> running_;  // how far each is
  std::int64_t count_left_ = 0;
  double work_left_ = 0, work_done_ = 0;  // of this run, by resource
  std::atomic<bool> stop_ = false;
  std::exception_ptr broken_;
};

}  // namespace

std::vector<std::string> names_of_figures(const zoo::Entry& entry, const std::string& data,
                                          const InterruptGuard& interrupt) {
  const GeneratorScope scope({.seed = 0});
  TrialRun run(zoo::Values(entry.example->options, entry.example->small), data,
               [&](double) { interrupt.check(); });
  std::vector<std::string> names;
  for (const auto& [name, value] : entry.example->train(run)) names.push_back(name);
  return names;
}

void check_example(const zoo::Entry& entry, const std::string& data, const InterruptGuard& interrupt) {
  const GeneratorScope scope({.seed = 0});
  TrialRun run(zoo::Values(entry.example->options, entry.example->small), data, [&](double) {
    interrupt.check();
    throw Stopped();
  });
  try {
    entry.example->train(run);
  } catch (const Stopped&) {
    // It has begun.
  }
}

void run_trials(const SearchTask& task, std::vector<TrialResult>& results, int jobs,
                const InterruptGuard& interrupt, const std::function<void(const TrialResult&)>& ended) {
  Trials(task, results, interrupt).run(jobs, ended);
}

}  // namespace gradus::tools
