// Seeded weights for tests: the shapes of data that encodings meet in models, and those that break careless ones. The same seed gives the same
// numbers everywhere.
#pragma once

#include <polyquant/base/matrix.hpp>

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

namespace pq::testing {

/// Random numbers by splitmix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
class Random {
 public:
  explicit Random(std::uint64_t seed) noexcept : state_(seed) {}
  std::uint64_t bits() noexcept {
    std::uint64_t z = (state_ += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
  }
  /// In (0, 1).
  double uniform() noexcept { return (static_cast<double>(bits() >> 12) + 0.5) * 0x1p-52; }
  /// In [0, bound), bound > 0.
  std::uint64_t below(std::uint64_t bound) noexcept { return bits() % bound; }
  /// Mean 0, variance 1 (Box-Muller).
  double gaussian() noexcept {
    const double radius = std::sqrt(-2.0 * std::log(uniform()));
    return radius * std::cos(6.283185307179586 * uniform());
  }
  /// Mean 0, variance 1.
  double laplace() noexcept {
    const double u = uniform() - 0.5;
    return (u < 0 ? 1.0 : -1.0) * std::sqrt(0.5) * std::log(1.0 - 2.0 * std::fabs(u));
  }
  /// Student's t with 4 degrees of freedom: heavy tails.
  double student_t() noexcept {
    double chi_squared = 0;
    for (int i = 0; i < 4; ++i) {
      const double g = gaussian();
      chi_squared += g * g;
    }
    return gaussian() / std::sqrt(chi_squared / 4.0);
  }

 private:
  std::uint64_t state_;
};

/// A matrix of test data with its name.
struct Sample {
  std::string name;
  std::int64_t rows = 0, cols = 0;
  std::vector<float> values;
  ConstMatrix matrix() const noexcept { return {values.data(), rows, cols, cols}; }
};

/// A sample whose value at (row, column) is value(random, row, column).
template <class Value>
Sample make_sample(std::string name, std::int64_t rows, std::int64_t cols, std::uint64_t seed,
                   Value&& value) {
  Sample sample{std::move(name), rows, cols, {}};
  sample.values.reserve(static_cast<std::size_t>(rows * cols));
  Random random(seed);
  for (std::int64_t r = 0; r < rows; ++r)
    for (std::int64_t c = 0; c < cols; ++c) sample.values.push_back(static_cast<float>(value(random, r, c)));
  return sample;
}

inline Sample gaussian(std::int64_t rows, std::int64_t cols, std::uint64_t seed) {
  return make_sample("gaussian", rows, cols, seed,
                     [](Random& random, auto, auto) { return 0.02 * random.gaussian(); });
}

inline Sample zeros(std::int64_t rows, std::int64_t cols) {
  return make_sample("zeros", rows, cols, 0, [](Random&, auto, auto) { return 0.0; });
}

/// Weights of usual size: every encoding stores them with an error no larger than their own.
inline std::vector<Sample> ordinary_samples(std::int64_t rows, std::int64_t cols, std::uint64_t seed) {
  using Index = std::int64_t;
  std::vector<Sample> samples;
  const auto add = [&](const char* name, auto value) {
    samples.push_back(make_sample(name, rows, cols, seed, value));
  };
  samples.push_back(gaussian(rows, cols, seed));
  add("laplace", [](Random& random, Index, Index) { return 0.02 * random.laplace(); });
  add("student-t", [](Random& random, Index, Index) { return 0.02 * random.student_t(); });
  add("uniform", [](Random& random, Index, Index) { return random.uniform() - 0.5; });
  add("with outliers",
      [](Random& random, Index, Index) { return random.gaussian() * (random.below(64) == 0 ? 20.0 : 0.5); });
  add("sparse", [](Random& random, Index, Index) { return random.below(16) == 0 ? random.gaussian() : 0.0; });
  add("constant", [](Random&, Index r, Index) { return r % 2 == 0 ? 0.75 : -0.01; });
  add("one value per row",
      [=](Random&, Index r, Index c) { return c == (r * 7 + 3) % cols ? (r % 2 == 0 ? 1.5 : -1.5) : 0.0; });
  add("two values", [](Random& random, Index, Index) { return random.below(2) == 0 ? 0.5 : -0.25; });
  add("large offset", [](Random& random, Index, Index) { return 1.0 + 0.05 * random.uniform(); });
  return samples;
}

/// Numbers at the edges of f32, NaN and infinities, alone and between ordinary ones. No encoding stores these well; none may stumble.
inline std::vector<Sample> hostile_samples(std::int64_t rows, std::int64_t cols, std::uint64_t seed) {
  using Index = std::int64_t;
  using Limits = std::numeric_limits<float>;
  std::vector<Sample> samples;
  const auto add = [&](const char* name, auto value) {
    samples.push_back(make_sample(name, rows, cols, seed, value));
  };
  const auto one_in = [](std::uint64_t n, double odd) {
    return [=](Random& random, Index, Index) { return random.below(n) == 0 ? odd : random.gaussian(); };
  };
  samples.push_back(zeros(rows, cols));
  add("negative zeros", [](Random&, Index, Index) { return -0.0; });
  add("all NaN", [](Random&, Index, Index) { return double{Limits::quiet_NaN()}; });
  add("all infinite", [](Random&, Index, Index) { return double{Limits::infinity()}; });
  add("some NaN", one_in(40, Limits::quiet_NaN()));
  add("some infinite", one_in(40, -Limits::infinity()));
  add("largest numbers",
      [](Random& random, Index, Index) { return random.below(2) == 0 ? Limits::max() : Limits::lowest(); });
  add("a largest number", one_in(100, Limits::max()));
  add("denormal", [](Random& random, Index, Index) { return random.gaussian() * 0x1p-140; });
  add("smallest denormal",
      [](Random& random, Index, Index) { return random.below(2) == 0 ? Limits::denorm_min() : 0.0; });
  add("tiny", [](Random& random, Index, Index) { return random.gaussian() * 0x1p-120; });
  add("huge range", [](Random& random, Index, Index) {
    return random.gaussian() * std::exp2(250.0 * random.uniform() - 125.0);
  });
  add("zero rows between others",
      [](Random& random, Index r, Index) { return r % 2 == 0 ? 0.0 : random.gaussian(); });
  return samples;
}

/// Importance as activations give it: log-normal, with some columns that are never active.
inline std::vector<float> lognormal_importance(std::int64_t cols, std::uint64_t seed) {
  Random random(seed);
  std::vector<float> importance;
  for (std::int64_t c = 0; c < cols; ++c) {
    const double value = std::exp(1.5 * random.gaussian());
    importance.push_back(random.below(10) == 0 ? 0.0f : static_cast<float>(value));
  }
  return importance;
}

}  // namespace pq::testing
