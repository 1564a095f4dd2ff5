// Speed of the two parts of gptq that are plain arithmetic, the factor of a site and the block updates of rows, against the largest number of
// multiplications and additions that the processor can do.
//
//   gptq_bench [--threads N]
//
// Prints a table; every figure is the best of several, per second of processor time of all threads together, so per core: another program that
// runs beside does not matter much, waiting for the other threads does not count.
#include "base/thread_pool.hpp"
#include "fma_peak.hpp"

#include <gptq/factor.hpp>
#include <gptq/losses.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <vector>

namespace bench {
namespace {

using pq::gptq::Cut;

double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

/// GFLOP/s of a core: the best of some runs of `work`, which does `flops`.
template <class Work>
double best_speed(int runs, double flops, Work&& work) {
  double best = 0;
  for (int run = 0; run < runs; ++run) {
    const double start = cpu_seconds();
    work();
    best = std::max(best, 1e-9 * flops / (cpu_seconds() - start));
  }
  return best;
}

double peak(pq::Executor& executor, double (*multiply_add)(long, float&)) {
  constexpr long kRounds = 20000000;
  float sink = 0;
  const double pairs = multiply_add(1, sink) * kRounds * executor.threads();
  return best_speed(5, 2 * pairs, [&] {
    executor.for_ranges(executor.threads(), 1, [&](std::int64_t, std::int64_t) {
      float own = 0;
      multiply_add(kRounds, own);
    });
  });
}

/// Second moments of inputs whose neighbours are alike.
std::vector<float> moments(std::size_t cols) {
  std::vector<float> gram(cols * cols);
  for (std::size_t i = 0; i < cols; ++i)
    for (std::size_t j = 0; j < cols; ++j)
      gram[i * cols + j] =
          std::exp(-std::abs(static_cast<float>(i) - static_cast<float>(j)) / 50) + (i == j ? 0.1f : 0.0f);
  return gram;
}

/// Cholesky, and the triangular solutions of the blocks.
double factor_flops(const Cut& cut) {
  const auto n = static_cast<double>(cut.cols);
  double flops = n * n * n / 3;
  for (std::size_t first = 0; first < cut.cols; first += cut.block) {
    const auto width = static_cast<double>(std::min(cut.block, cut.cols - first));
    flops += static_cast<double>(first) * width * width + width * width * width / 3;
  }
  return flops;
}

/// Enough rows for every thread.
double update_speed(const Cut& cut, const pq::gptq::Factor& factor, pq::ConstMatrix gram,
                    pq::Executor& executor) {
  const auto rows = static_cast<std::int64_t>(pq::gptq::kLanes);
  const auto cols = static_cast<std::int64_t>(cut.cols);
  const std::vector<float> weights(static_cast<std::size_t>(rows * cols), 0.01f);
  const std::int64_t tiles = 8 * executor.threads();
  const double flops = static_cast<double>(tiles * rows) * static_cast<double>(cols * cols);
  return best_speed(5, flops, [&] {
    executor.for_ranges(tiles, 1, [&](std::int64_t, std::int64_t) {
      pq::gptq::losses({weights.data(), rows, cols, cols}, {factor, cut, gram});
    });
  });
}

void run(int threads) {
  const auto pool = pq::make_thread_pool(threads);
  const double f32 = peak(*pool, multiply_add_f32), f64 = peak(*pool, multiply_add_f64);
  std::printf("%d threads, each can do %.0f GFLOP/s in f32, %.0f in f64\n", threads, f32, f64);
  for (const std::size_t cols : {std::size_t{576}, std::size_t{768}, std::size_t{1536}, std::size_t{4096}}) {
    const Cut cut{cols, 32, 1, 128};
    const std::vector<float> gram = moments(cols);
    const auto n = static_cast<std::int64_t>(cols);
    const pq::ConstMatrix h{gram.data(), n, n, n};
    auto factor = pq::gptq::make_factor(h, cut, 0.01, "bench", *pool);
    const double flops = factor_flops(cut);
    const int runs = std::clamp(static_cast<int>(2e10 / flops), 3, 200);
    const double speed = best_speed(runs, flops, [&] {
      factor = nullptr;
      factor = pq::gptq::make_factor(h, cut, 0.01, "bench", *pool);
    });
    const double updates = update_speed(cut, *factor, h, *pool);
    std::printf(
        "%4zu columns: factor %4.0f GFLOP/s (f64), %3.0f %% of the peak, %7.2f ms of one; block updates "
        "%4.0f "
        "(f32), "
        "%3.0f %%\n",
        cols, speed, 100 * speed / f64, 1e-6 * flops / speed, updates, 100 * updates / f32);
  }
}

}  // namespace
}  // namespace bench

int main(int count, char** values) {
  const bool given = count > 2 && std::strcmp(values[1], "--threads") == 0;
  bench::run(given ? std::atoi(values[2]) : 2);
  return 0;
}
