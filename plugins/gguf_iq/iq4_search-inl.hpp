// The search for the scales of 16 groups of iq4 levels, side by side (docs/explain/codebook-search.md). Include after hwy/foreach_target.h.

// clang-format off
#if defined(PQ_GGUF_IQ4_SEARCH_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef PQ_GGUF_IQ4_SEARCH_INL_HPP
#undef PQ_GGUF_IQ4_SEARCH_INL_HPP
#else
#define PQ_GGUF_IQ4_SEARCH_INL_HPP
#endif
// clang-format on

#include "iq4_search.hpp"
#include "iq4_slots-inl.hpp"

#include <algorithm>
#include <cmath>

HWY_BEFORE_NAMESPACE();
namespace pq::gguf_iq::HWY_NAMESPACE {

struct Scales {
  alignas(64) float values[kSlots];
};

inline void choose_codes(Slots& s, const float* scales) {
  Scales inverse;
  for (std::size_t k = 0; k < kSlots; ++k) inverse.values[k] = inverse_or_zero(scales[k]);
  slot_codes(s.x, inverse.values, s.codes);
}

/// The best scales of either sign so far.
struct SignedBest {
  SlotMoments moments[2] = {};  // d > 0, d < 0
  alignas(64) float score[2][kSlots] = {};

  void consider(const Slots& s, const float* inverse) {
    SlotMoments found;
    slot_moments(s.x, s.w, inverse, found);
    for (std::size_t sign = 0; sign < 2; ++sign) {
      SlotMoments& best = moments[sign];
      const float direction = sign == 0 ? 1.0f : -1.0f;
      for (std::size_t k = 0; k < kSlots; ++k) {
        const float a = found.a[k], b = found.b[k];
        // b is 0 only if a is, and then nothing is gained.
        const float gain = (a * a) / (b > 0.0f ? b : 1.0f);
        const bool better = (a * direction > 0.0f) & (gain > score[sign][k]);
        score[sign][k] = better ? gain : score[sign][k];
        best.a[k] = better ? a : best.a[k];
        best.b[k] = better ? b : best.b[k];
      }
    }
  }
  /// Nearest levels once more, for the best scale of the best codes.
  void improve(const Slots& s) {
    alignas(64) float inverse[kSlots];
    for (std::size_t k = 0; k < kSlots; ++k) {
      const float d = scale(better_sign(k), k);
      inverse[k] = inverse_or_zero(d);
    }
    consider(s, inverse);
  }
  std::size_t better_sign(std::size_t k) const { return score[1][k] > score[0][k] ? 1 : 0; }
  float scale(std::size_t sign, std::size_t k) const {
    return score[sign][k] > 0.0f ? moments[sign].a[k] / moments[sign].b[k] : 0.0f;
  }
};

/// A few places for the largest weight and the root mean square.
inline SignedBest first_scales(const Slots& s, const Iq4Effort& effort) {
  SignedBest best;
  Scales inverse;
  for (const float code : effort.peaks) {
    for (std::size_t k = 0; k < kSlots; ++k) inverse.values[k] = code * inverse_or_zero(s.peak[k]);
    best.consider(s, inverse.values);
  }
  for (const float code : effort.rms) {
    for (std::size_t k = 0; k < kSlots; ++k)
      inverse.values[k] =
          s.peak[k] != 0.0f && s.squares[k] > 0.0f ? code * std::sqrt(s.total[k] / s.squares[k]) : 0.0f;
    best.consider(s, inverse.values);
  }
  return best;
}

/// Keeps the better of two states for each slot.
struct BestScales {
  Scales scales;
  alignas(64) float errors[kSlots];

  void start(const Slots& s, const float* values) {
    Scales inverse;
    for (std::size_t k = 0; k < kSlots; ++k) {
      scales.values[k] = values[k];
      inverse.values[k] = inverse_or_zero(values[k]);
    }
    slot_errors(s.x, s.w, scales.values, inverse.values, errors);
  }
  void consider(const Slots& s, const float* values) {
    BestScales other;
    other.start(s, values);
    for (std::size_t k = 0; k < kSlots; ++k) {
      if (!(other.errors[k] < errors[k])) continue;
      errors[k] = other.errors[k];
      scales.values[k] = values[k];
    }
  }
};

/// A group that fits but for the rounding of its scale (one magnitude everywhere) can use any level for its peak.
inline void try_all_levels(const Slots& s, BestScales& best) {
  constexpr float kExactFit = 0x1p-20f;  // share of the squares that comes from 11 bits of scale
  bool any = false;
  for (std::size_t k = 0; k < kSlots; ++k)
    any |= s.peak[k] != 0.0f && best.errors[k] <= s.squares[k] * kExactFit;
  if (!any) return;
  for (const std::int8_t level : kIq4Levels) {
    Scales other;
    for (std::size_t k = 0; k < kSlots; ++k)
      other.values[k] = f16_round(s.peak[k] / static_cast<float>(level));
    best.consider(s, other.values);
  }
}

/// iq4_nl: f16 scales of all groups.
inline Scales search_scales(const Slots& s, const Iq4Effort& effort) {
  SignedBest found = first_scales(s, effort);
  found.improve(s);
  found.improve(s);
  Scales values;
  for (std::size_t k = 0; k < kSlots; ++k) values.values[k] = f16_round(found.scale(found.better_sign(k), k));
  BestScales best;
  best.start(s, values.values);
  // Once more with codes chosen for the stored scale.
  Scales inverse;
  SlotMoments moments;
  for (std::size_t k = 0; k < kSlots; ++k) inverse.values[k] = inverse_or_zero(values.values[k]);
  slot_moments(s.x, s.w, inverse.values, moments);
  for (std::size_t k = 0; k < kSlots; ++k)
    if (moments.b[k] > 0.0f) values.values[k] = f16_round(moments.a[k] / moments.b[k]);
  best.consider(s, values.values);
  try_all_levels(s, best);
  return best.scales;
}

/// iq4_xs: two blocks of 8 groups.
struct SuperScales {
  float d[2];
  int codes[kSlots];
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
    Scales scale, inverse;
    for (std::size_t k = 0; k < kSlots; ++k) {
      scale.values[k] = d[k / 8] * static_cast<float>(tried[k]);
      inverse.values[k] = inverse_or_zero(scale.values[k]);
    }
    alignas(64) float found[kSlots];
    slot_errors(s.x, s.w, scale.values, inverse.values, found);
    for (std::size_t k = 0; k < kSlots; ++k) {
      const bool better = found[k] < errors[k];
      errors[k] = better ? found[k] : errors[k];
      codes[k] = better ? tried[k] : codes[k];
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
    for (std::size_t k = 0; k < kSlots; ++k) {
      const float ratio = found.scale(sign, k) * inverse_or_zero(state.d[k / 8]);
      middle[k] = scale_code(ratio);
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
  Scales inverse = best.scales();
  for (float& value : inverse.values) value = inverse_or_zero(value);
  SlotMoments moments;
  slot_moments(s.x, s.w, inverse.values, moments);
  for (std::size_t half = 0; half < 2; ++half) {
    float a = 0, b = 0;
    for (std::size_t k = 8 * half; k < 8 * half + 8; ++k) {
      const float code = static_cast<float>(best.codes[k]);
      a += code * moments.a[k];
      b += (code * code) * moments.b[k];
    }
    if (b > 0.0f) next.d[half] = f16_round(a / b);
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

inline SuperScales search_super_scales(const Slots& s, const Iq4Effort& effort) {
  SignedBest found = first_scales(s, effort);
  found.improve(s);
  float largest[2] = {0, 0};
  for (std::size_t k = 0; k < kSlots; ++k) {
    const float scale = found.scale(found.better_sign(k), k);
    if (std::abs(scale) > std::abs(largest[k / 8])) largest[k / 8] = scale;
  }
  SuperScales best;
  for (int n = 0; n < effort.super_scales; ++n) {
    SuperScales state;
    const float stretch = 1.0f + 0.02f * static_cast<float>(n);
    for (std::size_t half = 0; half < 2; ++half)
      state.d[half] = f16_round(largest[half] * stretch / static_cast<float>(kLowestScale));
    std::fill(std::begin(state.codes), std::end(state.codes), 0);
    std::fill(std::begin(state.errors), std::end(state.errors), HUGE_VALF);
    search_window(s, found, effort.window, state);
    refit(s, true, state);
    if (effort.super_scales > 1) refit(s, true, state);
    refit(s, false, state);
    for (std::size_t half = 0; half < 2; ++half) {
      if (n > 0 && !(state.error(half) < best.error(half))) continue;
      best.d[half] = state.d[half];
      std::copy_n(state.codes + 8 * half, 8, best.codes + 8 * half);
      std::copy_n(state.errors + 8 * half, 8, best.errors + 8 * half);
    }
  }
  return best;
}

}  // namespace pq::gguf_iq::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
