// The search for the super-scales of iq4_xs: two blocks of 8 groups, side by side (docs/explain/codebook-search.md). Include after
// hwy/foreach_target.h.

// clang-format off
#if defined(PQ_GGUF_IQ4_SUPER_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef PQ_GGUF_IQ4_SUPER_INL_HPP
#undef PQ_GGUF_IQ4_SUPER_INL_HPP
#else
#define PQ_GGUF_IQ4_SUPER_INL_HPP
#endif
// clang-format on

#include "iq4_search-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace pq::gguf_iq::HWY_NAMESPACE {

/// Two blocks of 8 groups.
struct SuperScales {
  float d[2];
  alignas(64) int codes[kSlots];
  alignas(64) float errors[kSlots];

  Scales scales() const {
    Scales result;
    for (std::size_t k = 0; k < kSlots; ++k) result.values[k] = d[k / 8] * static_cast<float>(codes[k]);
    return result;
  }
  float error(std::size_t half) const {
    float sum = 0;
    for (std::size_t k = 8 * half; k < 8 * half + 8; ++k) sum += errors[k];
    return sum;
  }
  /// Tries a code for each group.
  void consider(const Slots& s, const int* tried) {
    const F32 f;
    const I32 i;
    Scales scale;
    for (std::size_t k = 0; k < kSlots; ++k) scale.values[k] = d[k / 8] * static_cast<float>(tried[k]);
    alignas(64) float found[kSlots];
    slot_errors(s.x, s.w, scale.values, inverses(scale.values).values, found);
    for (std::size_t k = 0; k < kSlots; k += kLanes) {
      const VF before = hn::Load(f, errors + k), now = hn::Load(f, found + k);
      const auto better = hn::Lt(now, before);
      hn::Store(hn::IfThenElse(better, now, before), f, errors + k);
      hn::Store(hn::IfThenElse(hn::RebindMask(i, better), hn::LoadU(i, tried + k), hn::Load(i, codes + k)), i,
                codes + k);
    }
  }
};

constexpr int kLowestScale = -32, kHighestScale = 31;
inline int scale_code(float ratio) {
  return static_cast<int>(nearest_code(ratio, 1.0f, kLowestScale, kHighestScale));
}

/// Codes around d / D for both signs, a sixteenth of it (at least one) apart.
inline void search_window(const Slots& s, const SignedBest& found, int window, SuperScales& state) {
  for (std::size_t sign = 0; sign < 2; ++sign) {
    int middle[kSlots], step[kSlots], tried[kSlots];
    const Scales scales = found.scales(sign);
    const float inverse[2] = {inverse_or_zero(state.d[0]), inverse_or_zero(state.d[1])};
    for (std::size_t k = 0; k < kSlots; ++k) {
      middle[k] = scale_code(scales.values[k] * inverse[k / 8]);
      step[k] = std::max(1, (std::abs(middle[k]) + 8) / 16);
    }
    for (int offset = -window; offset <= window; ++offset) {
      for (std::size_t k = 0; k < kSlots; ++k)
        tried[k] = std::clamp(middle[k] + offset * step[k], kLowestScale, kHighestScale);
      state.consider(s, tried);
    }
  }
}

/// The best d for the codes, then each code and its neighbours again; a block keeps the new state if that is better.
inline void refit(const Slots& s, bool with_neighbours, SuperScales& best) {
  SuperScales next = best;
  SlotMoments moments;
  slot_moments(s.x, s.w, inverses(best.scales().values).values, moments);
  for (std::size_t half = 0; half < 2; ++half) {
    float a = 0, b = 0;
    for (std::size_t k = 8 * half; k < 8 * half + 8; ++k) {
      const float code = static_cast<float>(best.codes[k]);
      a += code * moments.a[k];
      b += (code * code) * moments.b[k];
    }
    if (b > 0.0f) next.d[half] = nonzero_f16(a / b);
  }
  std::fill(std::begin(next.errors), std::end(next.errors), HUGE_VALF);
  next.consider(s, best.codes);
  if (with_neighbours) {
    for (const int offset : {-1, 1}) {
      int tried[kSlots];
      for (std::size_t k = 0; k < kSlots; ++k)
        tried[k] = std::clamp(best.codes[k] + offset, kLowestScale, kHighestScale);
      next.consider(s, tried);
    }
  }
  for (std::size_t half = 0; half < 2; ++half) {
    if (!(next.error(half) < best.error(half))) continue;
    best.d[half] = next.d[half];
    std::copy_n(next.codes + 8 * half, 8, best.codes + 8 * half);
    std::copy_n(next.errors + 8 * half, 8, best.errors + 8 * half);
  }
}

/// The best so far of two blocks; `open` says which of them may change.
struct BestSuperScales {
  SuperScales state;
  bool open[2] = {true, true};

  explicit BestSuperScales(const Slots& s) {
    std::fill(std::begin(state.d), std::end(state.d), 0.0f);
    std::fill(std::begin(state.codes), std::end(state.codes), 0);
    std::copy(std::begin(s.squares), std::end(s.squares), state.errors);
  }
  void consider(const SuperScales& other) {
    for (std::size_t half = 0; half < 2; ++half) {
      if (!open[half] || !(other.error(half) < state.error(half))) continue;
      state.d[half] = other.d[half];
      std::copy_n(other.codes + 8 * half, 8, state.codes + 8 * half);
      std::copy_n(other.errors + 8 * half, 8, state.errors + 8 * half);
    }
  }
  template <class Wanted>
  bool reopen(const bool (&allowed)[2], const Wanted& wanted) {
    for (std::size_t half = 0; half < 2; ++half) open[half] = allowed[half] && wanted(half);
    return open[0] || open[1];
  }
};

/// Sum over the groups of a block.
inline float block_sum(const float* values, std::size_t half) {
  float sum = 0;
  for (std::size_t k = 8 * half; k < 8 * half + 8; ++k) sum += values[k];
  return sum;
}

/// The scale of largest magnitude, of those up to `limit`.
inline float largest_scale(const SignedBest& found, std::size_t half, float limit) {
  const Scales scales = found.best_scales();
  float largest = 0;
  for (std::size_t k = 8 * half; k < 8 * half + 8; ++k) {
    const float scale = scales.values[k];
    if (std::abs(scale) <= limit && std::abs(scale) > std::abs(largest)) largest = scale;
  }
  return largest;
}

/// Scale codes for super-scales, and what follows from them.
inline void try_super_scales(const Slots& s, const SignedBest& found, const float (&d)[2],
                             const Iq4Effort& effort, BestSuperScales& best) {
  SuperScales state;
  for (std::size_t half = 0; half < 2; ++half) state.d[half] = nonzero_f16(d[half]);
  std::fill(std::begin(state.codes), std::end(state.codes), 0);
  std::copy(std::begin(s.squares), std::end(s.squares), state.errors);
  search_window(s, found, effort.window, state);
  refit(s, true, state);
  if (effort.super_scales > 1) refit(s, true, state);
  refit(s, false, state);
  best.consider(state);
}

/// Where a few groups have scales so large that the others are stored badly: d from smaller and smaller groups.
inline void try_smaller_super_scales(const Slots& s, const SignedBest& found, const Iq4Effort& effort,
                                     BestSuperScales& best) {
  constexpr float kNext = 0.8f;
  float limit[2] = {HUGE_VALF, HUGE_VALF}, d[2];
  for (std::size_t round = 0; round < 8; ++round) {
    for (std::size_t half = 0; half < 2; ++half) {
      const float largest = largest_scale(found, half, limit[half]);
      d[half] = largest / static_cast<float>(kLowestScale);
      limit[half] = kNext * std::abs(largest);
    }
    try_super_scales(s, found, d, effort, best);
  }
}

/// Blocks that fit but for the rounding of d: a look at many of them.
inline void try_many_super_scales(const Slots& s, const SignedBest& found, const Iq4Effort& effort,
                                  BestSuperScales& best) {
  for (int code = -kLowestScale * 4 / 3; code > 3; --code) {
    float d[2];
    for (std::size_t half = 0; half < 2; ++half)
      d[half] = -largest_scale(found, half, HUGE_VALF) / static_cast<float>(code);
    try_super_scales(s, found, d, effort, best);
  }
}

/// All that `effort` says, for the blocks of `wanted`.
inline void improve_super_scales(const Slots& s, const Iq4Effort& effort, const bool (&wanted)[2],
                                 BestSuperScales& best) {
  SignedBest found = first_scales(s, effort);
  found.improve(s);
  best.reopen(wanted, [](std::size_t) { return true; });
  for (int n = 0; n < effort.super_scales; ++n) {
    const float stretch = 1.0f + 0.02f * static_cast<float>(n);
    float d[2];
    for (std::size_t half = 0; half < 2; ++half)
      d[half] = largest_scale(found, half, HUGE_VALF) * stretch / static_cast<float>(kLowestScale);
    try_super_scales(s, found, d, effort, best);
  }
  float squares[2], possible[2];
  for (std::size_t half = 0; half < 2; ++half) {
    squares[half] = block_sum(s.squares, half);
    possible[half] = 0;
    for (std::size_t k = 8 * half; k < 8 * half + 8; ++k)
      possible[half] += s.squares[k] - std::max(found.score[0][k], found.score[1][k]);
  }
  if (best.reopen(wanted, [&](std::size_t half) {
        return best.state.error(half) > squares[half] * kIq4BestFit &&
               best.state.error(half) > possible[half] * kIq4PoorFit;
      }))
    try_smaller_super_scales(s, found, effort, best);
  if (best.reopen(wanted, [&](std::size_t half) {
        return best.state.error(half) > squares[half] * kIq4BestFit &&
               best.state.error(half) <= squares[half] * kIq4ExactFit;
      }))
    try_many_super_scales(s, found, effort, best);
}

/// One group holds nearly all of a block.
inline bool is_dominated(const Slots& s, std::size_t half) {
  const float* first = s.squares + 8 * half;
  return *std::max_element(first, first + 8) > kIq4Dominant * block_sum(s.squares, half);
}

/// `best` includes all that `normal` does; blocks that consist of groups of one sign, or of one group, are searched as by `best`.
inline SuperScales search_super_scales(const Slots& s, Effort effort) {
  constexpr bool kAll[2] = {true, true};
  BestSuperScales best(s);
  improve_super_scales(s, iq4_xs_effort(Effort::normal), kAll, best);
  bool more[2];
  for (std::size_t half = 0; half < 2; ++half)
    more[half] = effort == Effort::best || is_dominated(s, half) ||
                 std::count(s.one_sided + 8 * half, s.one_sided + 8 * half + 8, true) >= 4;
  if (more[0] || more[1]) improve_super_scales(s, iq4_xs_effort(Effort::best), more, best);
  return best.state;
}

}  // namespace pq::gguf_iq::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
