#include "base/thread_pool.hpp"

#include <polyquant/base/error.hpp>

#include <sched.h>
#include <tbb/global_control.h>
#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>

#include <algorithm>
#include <climits>
#include <cmath>
#include <fstream>
#include <locale>
#include <thread>

namespace pq {
namespace {

// Processors that this process may run on (taskset, cpusets).
int allowed_processors() {
  ::cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof(set), &set) == 0) return CPU_COUNT(&set);
  return static_cast<int>(std::thread::hardware_concurrency());  // more than 1024 processors
}

// A container's quota of processor time, in processors (cgroup v2: "200000 100000", or "max 100000").
int quota_processors() {
  std::ifstream file("/sys/fs/cgroup/cpu.max");
  file.imbue(std::locale::classic());
  double quota = 0, period = 0;
  if (!(file >> quota >> period) || quota <= 0 || period <= 0) return INT_MAX;
  return static_cast<int>(std::min(1e6, std::ceil(quota / period)));
}

int offered_processors() { return std::max(1, std::min(allowed_processors(), quota_processors())); }

class ThreadPool final : public Executor {
 public:
  explicit ThreadPool(int threads)
      : threads_(threads),
        limit_(tbb::global_control::max_allowed_parallelism, static_cast<std::size_t>(threads)),
        arena_(threads) {}

  int threads() const noexcept override { return threads_; }

  void for_ranges(std::int64_t count, std::int64_t grain,
                  const std::function<void(std::int64_t, std::int64_t)>& body) override {
    PQ_ASSERT(count >= 0 && grain >= 1, "a loop has a length and a grain");
    const auto run = [&](std::int64_t range) { body(range * grain, std::min(count, (range + 1) * grain)); };
    const std::int64_t ranges = count / grain + (count % grain != 0 ? 1 : 0);
    if (threads_ == 1 || ranges <= 1) {
      for (std::int64_t range = 0; range < ranges; ++range) run(range);
      return;
    }
    arena_.execute([&] {
      // Isolated: a thread that waits for a nested loop must not pick up a range of the outer one, whose scratch memory it already uses.
      tbb::this_task_arena::isolate([&] {
        tbb::parallel_for(
            tbb::blocked_range<std::int64_t>(0, ranges, 1),
            [&](const tbb::blocked_range<std::int64_t>& part) {
              for (std::int64_t range = part.begin(); range < part.end(); ++range) run(range);
            },
            tbb::simple_partitioner());
      });
    });
  }

 private:
  int threads_;
  tbb::global_control limit_;  // lets TBB have as many workers, also more than processors
  tbb::task_arena arena_;
};

}  // namespace

std::unique_ptr<Executor> make_thread_pool(int threads) {
  PQ_ASSERT(threads >= 0, "a thread count is not negative");
  return std::make_unique<ThreadPool>(threads == 0 ? offered_processors() : threads);
}

int working_threads(const Executor& executor) {
  return std::clamp(executor.threads(), 1, offered_processors());
}

}  // namespace pq
