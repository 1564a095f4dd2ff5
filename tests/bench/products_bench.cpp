// Speed of the cpu backend's matrix products, x W^T as in a model, against the largest number of multiplications and additions that a core can do.
//
//   products_bench [--threads N]
//
// Prints a table; every figure is the best of five, per second of CPU time of all threads together, so per core.
#include "base/thread_pool.hpp"
#include "fma_peak.hpp"
#include "plugin/registry.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

namespace bench {
double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

/// GFLOP/s of a core: the best of five runs of `work`, which returns the number of its multiplications and additions.
template <class Work>
double best_speed(Work&& work) {
  double best = 0;
  for (int run = 0; run < 5; ++run) {
    const double start = cpu_seconds();
    const double pairs = work();
    best = std::max(best, 2e-9 * pairs / (cpu_seconds() - start));
  }
  return best;
}

void run(int threads) {
  pq::PluginRegistry registry;
  registry.load_folders(pq::plugin_search_path({}));
  const auto pool = pq::make_thread_pool(threads);
  const auto device = registry.backend(pq::Node::scalar("cpu"))->open(0, *pool);
  float sink = 0;
  const double peak = best_speed([&] { return multiply_add_f32(5000000, sink); });
  std::printf("%s, %s, %d threads; one core can do %.0f GFLOP/s (%g)\n", device->info().name.c_str(),
              device->info().target.c_str(), threads, peak, static_cast<double>(sink));
  constexpr std::int64_t kShapes[][3] = {{64, 1536, 768},    {512, 1536, 768}, {2048, 1536, 768},
                                         {2048, 768, 1536},  {2048, 768, 768}, {512, 4096, 4096},
                                         {2048, 14336, 4096}};
  for (const auto& [tokens, outputs, inputs] : kShapes) {
    const auto x = device->allocate(tokens, inputs), w = device->allocate(outputs, inputs),
               y = device->allocate(tokens, outputs);
    const double pairs = static_cast<double>(tokens * outputs * inputs);
    const int repeats = 1 + static_cast<int>(2e9 / pairs);
    const double speed = best_speed([&] {
      for (int i = 0; i < repeats; ++i) device->math().gemm(*x, false, *w, true, *y, 1, 0);
      return pairs * repeats;
    });
    std::printf("%5lld tokens, %5lld outputs, %5lld inputs: %6.0f GFLOP/s a core, %3.0f %% of its peak\n",
                static_cast<long long>(tokens), static_cast<long long>(outputs),
                static_cast<long long>(inputs), speed, 100 * speed / peak);
  }
}

}  // namespace bench

int main(int count, char** values) {
  const bool given = count > 2 && std::strcmp(values[1], "--threads") == 0;
  bench::run(given ? std::atoi(values[2]) : 1);
  return 0;
}
