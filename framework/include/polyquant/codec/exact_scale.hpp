// The best scale of a group whose values are scale * code, found by walking through all sets of codes that any scale can give. Slow and
// optimal up to the rounding of the scale: for the highest effort, and to judge the quicker searches by.
#pragma once

#include <polyquant/codec/scale_search.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace pq {
namespace detail {

/// At inverse scale `at` the code of weight `index` moves one away from zero.
struct CodeStep {
  float at;
  std::uint16_t index;
  std::int16_t direction;
};

/// A set of codes that no neighbouring set beats.
struct LocalBest {
  double score;  // a^2/b
  double scale;
};

inline void add_local_bests(std::span<const float> x, std::span<const float> w, double sign, CodeRange range,
                            std::vector<LocalBest>& out) {
  std::vector<CodeStep> steps;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const float value = static_cast<float>(sign) * x[i];
    const int reach = static_cast<int>(value > 0.0f ? range.highest : -range.lowest);
    if (value == 0.0f || w[i] == 0.0f) continue;
    for (int k = 0; k < reach; ++k)
      steps.push_back({(static_cast<float>(k) + 0.5f) / std::abs(value), static_cast<std::uint16_t>(i),
                       static_cast<std::int16_t>(value > 0.0f ? 1 : -1)});
  }
  std::sort(steps.begin(), steps.end(), [](const CodeStep& p, const CodeStep& q) {
    return p.at != q.at ? p.at < q.at : p.index < q.index;
  });

  std::array<int, 64> codes{};
  double a = 0, b = 0;
  LocalBest previous{0, 0};
  bool rising = false;
  for (const CodeStep& step : steps) {
    const double weight = static_cast<double>(w[step.index]), before = codes[step.index],
                 after = before + step.direction;
    codes[step.index] += step.direction;
    a += weight * sign * static_cast<double>(x[step.index]) * (after - before);
    b += weight * (after * after - before * before);
    const LocalBest now{b > 0 ? a * a / b : 0, b > 0 ? sign * a / b : 0};
    if (rising && now.score < previous.score) out.push_back(previous);
    rising = now.score > previous.score || (rising && now.score == previous.score);
    previous = now;
  }
  if (rising) out.push_back(previous);
}

}  // namespace detail

/// The f16 scale with the smallest error among the best local optima and `first` (0: none). At most 64 weights.
inline float search_scale_exact(std::span<const float> x, std::span<const float> w, CodeRange range,
                                float first) {
  constexpr std::size_t kTried = 8;
  std::vector<detail::LocalBest> bests;
  for (const double sign : {1.0, -1.0}) detail::add_local_bests(x, w, sign, range, bests);
  const std::size_t tried = std::min(kTried, bests.size());
  std::partial_sort(bests.begin(), bests.begin() + static_cast<std::ptrdiff_t>(tried), bests.end(),
                    [](const detail::LocalBest& p, const detail::LocalBest& q) {
                      return p.score != q.score ? p.score > q.score : p.scale > q.scale;
                    });
  float best_scale = first;
  float best_error = scale_error(x, w, first, range).error;
  for (std::size_t k = 0; k < tried; ++k) {
    float scale = f16_round(static_cast<float>(bests[k].scale));
    for (int round = 0; round < 2; ++round) {
      const ScaleError found = scale_error(x, w, scale, range);
      if (found.error < best_error) {
        best_error = found.error;
        best_scale = scale;
      }
      if (found.sums.b > 0.0f) scale = f16_round(found.sums.a / found.sums.b);
    }
  }
  return best_error == 0.0f ? best_scale
                            : search_exact_fit(x, w, range, peak_weight(x), best_scale, best_error);
}

}  // namespace pq
