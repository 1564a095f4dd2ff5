// Speed of the cpu backend's matrix products, x W^T as in a model, against the largest number of multiplications and additions that a core can do.
//
//   products_bench [--threads N]
//
// Prints a table; every figure is the best of five, per second of CPU time of all threads together, so per core.
#include "base/thread_pool.hpp"
#include "plugin/registry.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "products_bench.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace bench::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// Runs `rounds` of twelve independent fused multiply-adds; returns how many numbers were multiplied and added.
double multiply_add(long rounds, float& result) {
  const hn::ScalableTag<float> d;
  const auto factor = hn::Set(d, 0.999f), term = hn::Set(d, 0.001f);
  // Twelve different numbers: equal ones would be computed once.
  const auto start = [&](float value) HWY_ATTR { return hn::Set(d, value); };
  auto a = start(1), b = start(2), c = start(3), e = start(4), f = start(5), g = start(6);
  auto h = start(7), i = start(8), j = start(9), k = start(10), l = start(11), m = start(12);
  for (long round = 0; round < rounds; ++round) {
    a = hn::MulAdd(a, factor, term), b = hn::MulAdd(b, factor, term), c = hn::MulAdd(c, factor, term);
    e = hn::MulAdd(e, factor, term), f = hn::MulAdd(f, factor, term), g = hn::MulAdd(g, factor, term);
    h = hn::MulAdd(h, factor, term), i = hn::MulAdd(i, factor, term), j = hn::MulAdd(j, factor, term);
    k = hn::MulAdd(k, factor, term), l = hn::MulAdd(l, factor, term), m = hn::MulAdd(m, factor, term);
  }
  a = hn::Add(hn::Add(hn::Add(a, b), hn::Add(c, e)), hn::Add(hn::Add(f, g), hn::Add(h, i)));
  result = hn::GetLane(hn::Add(hn::Add(a, hn::Add(j, k)), hn::Add(l, m)));
  return 12.0 * static_cast<double>(rounds) * static_cast<double>(hn::Lanes(d));
}

}  // namespace bench::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

namespace bench {
HWY_EXPORT(multiply_add);

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
  const double peak = best_speed([&] { return HWY_DYNAMIC_DISPATCH(multiply_add)(5000000, sink); });
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
#endif
