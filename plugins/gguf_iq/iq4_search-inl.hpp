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
  alignas(64) float values[kSlots] = {};
};

/// As pq::inverse_or_zero.
HWY_INLINE Scales inverses(const float* scales) {
  Scales result;
  for (std::size_t k = 0; k < kSlots; k += kLanes)
    hn::Store(inverses_or_zero(hn::Load(F32(), scales + k)), F32(), result.values + k);
  return result;
}

/// Always inlined: as a function of its own g++ 12 took it for one without effects, and left calls out.
HWY_INLINE void choose_codes(Slots& s, const float* scales) {
  slot_codes(s.x, inverses(scales).values, s.codes);
}

/// The best scales of either sign so far.
struct SignedBest {
  SlotMoments moments[2] = {};  // d > 0, d < 0
  alignas(64) float score[2][kSlots] = {};

  void consider(const Slots& s, const float* inverse) {
    SlotMoments found;
    slot_moments(s.x, s.w, inverse, found);
    const F32 d;
    const VF zero = hn::Zero(d);
    for (std::size_t k = 0; k < kSlots; k += kLanes) {
      const VF a = hn::Load(d, found.a + k), b = hn::Load(d, found.b + k);
      // b is 0 only if a is, and then nothing is gained.
      const VF gain = hn::Div(hn::Mul(a, a), hn::IfThenElse(hn::Gt(b, zero), b, hn::Set(d, 1.0f)));
      for (std::size_t sign = 0; sign < 2; ++sign) {
        const VF before = hn::Load(d, score[sign] + k);
        const auto better = hn::And(sign == 0 ? hn::Gt(a, zero) : hn::Lt(a, zero), hn::Gt(gain, before));
        SlotMoments& best = moments[sign];
        hn::Store(hn::IfThenElse(better, gain, before), d, score[sign] + k);
        hn::Store(hn::IfThenElse(better, a, hn::Load(d, best.a + k)), d, best.a + k);
        hn::Store(hn::IfThenElse(better, b, hn::Load(d, best.b + k)), d, best.b + k);
      }
    }
  }
  /// Nearest levels once more, for the best scale of the best codes.
  void improve(const Slots& s) { consider(s, inverses(best_scales().values).values); }
  /// a / b of one sign, 0 where no start had it.
  HWY_INLINE Scales scales(std::size_t sign) const {
    const F32 d;
    Scales result;
    for (std::size_t k = 0; k < kSlots; k += kLanes)
      hn::Store(divide_or_zero(hn::Load(d, moments[sign].a + k), hn::Load(d, moments[sign].b + k)), d,
                result.values + k);
    return result;
  }
  HWY_INLINE Scales best_scales() const {
    const F32 d;
    Scales result;
    const Scales positive = scales(0), negative = scales(1);
    for (std::size_t k = 0; k < kSlots; k += kLanes) {
      const auto second = hn::Gt(hn::Load(d, score[1] + k), hn::Load(d, score[0] + k));
      hn::Store(hn::IfThenElse(second, hn::Load(d, negative.values + k), hn::Load(d, positive.values + k)), d,
                result.values + k);
    }
    return result;
  }
};

/// A few places for the largest weight and the root mean square; many more for groups of one sign.
inline SignedBest first_scales(const Slots& s, const Iq4Effort& effort) {
  SignedBest best;
  const Scales inverse_peak = inverses(s.peak);
  Scales inverse;
  for (const float code : effort.peaks) {
    for (std::size_t k = 0; k < kSlots; ++k) inverse.values[k] = code * inverse_peak.values[k];
    best.consider(s, inverse.values);
  }
  for (const float code : effort.rms) {
    for (std::size_t k = 0; k < kSlots; ++k)
      inverse.values[k] =
          s.peak[k] != 0.0f && s.squares[k] > 0.0f ? code * std::sqrt(s.total[k] / s.squares[k]) : 0.0f;
    best.consider(s, inverse.values);
  }
  if (std::find(std::begin(s.one_sided), std::end(s.one_sided), true) == std::end(s.one_sided)) return best;
  for (const float code : kIq4OneSidedPeaks) {
    for (std::size_t k = 0; k < kSlots; ++k)
      inverse.values[k] = s.one_sided[k] ? code * inverse_peak.values[k] : 0.0f;
    best.consider(s, inverse.values);
  }
  return best;
}

/// Keeps the better of two states for each slot.
struct BestScales {
  Scales scales;
  alignas(64) float errors[kSlots];

  void start(const Slots& s, const float* values) {
    std::copy_n(values, kSlots, scales.values);
    slot_errors(s.x, s.w, scales.values, inverses(scales.values).values, errors);
  }
  void consider(const Slots& s, const float* values) {
    BestScales other;
    other.start(s, values);
    const F32 d;
    for (std::size_t k = 0; k < kSlots; k += kLanes) {
      const VF before = hn::Load(d, errors + k), now = hn::Load(d, other.errors + k);
      const auto better = hn::Lt(now, before);
      hn::Store(hn::IfThenElse(better, now, before), d, errors + k);
      hn::Store(hn::IfThenElse(better, hn::Load(d, other.scales.values + k), hn::Load(d, scales.values + k)),
                d, scales.values + k);
    }
  }
};

/// A group that fits but for the rounding of its scale (one magnitude everywhere, or all that counts) can use any level for it.
inline void try_all_levels(const Slots& s, BestScales& best) {
  const auto fits = [&](std::size_t k) {
    return s.peak[k] != 0.0f && s.squares[k] > 0.0f && best.errors[k] <= s.squares[k] * kIq4ExactFit;
  };
  bool any = false;
  for (std::size_t k = 0; k < kSlots; ++k) any |= fits(k);
  if (!any) return;
  for (const std::int8_t level : kIq4Levels) {
    for (const float place :
         {static_cast<float>(level), -static_cast<float>(level)}) {  // no level has a mirror
      Scales peak = best.scales, rms = best.scales;
      for (std::size_t k = 0; k < kSlots; ++k) {
        if (!fits(k)) continue;
        peak.values[k] = nonzero_f16(s.peak[k] / place);
        rms.values[k] = nonzero_f16(std::sqrt(s.squares[k] / s.total[k]) / place);
      }
      best.consider(s, peak.values);
      best.consider(s, rms.values);
    }
  }
}

/// Scales that f16 rounds by much: its next numbers, with both signs.
inline void try_next_scales(const Slots& s, BestScales& best) {
  constexpr int kSteps = 4;
  const Scales middle = best.scales;
  const auto coarse = [&](std::size_t k) {
    return middle.values[k] != 0.0f && std::abs(middle.values[k]) < kCoarseScale;
  };
  bool any = false;
  for (std::size_t k = 0; k < kSlots; ++k) any |= coarse(k);
  if (!any) return;
  for (int step = -kSteps; step <= kSteps; ++step) {
    for (const float sign : {1.0f, -1.0f}) {
      Scales other = best.scales;
      for (std::size_t k = 0; k < kSlots; ++k)
        if (coarse(k))
          other.values[k] = sign * (std::abs(middle.values[k]) + static_cast<float>(step) * kSmallestF16);
      best.consider(s, other.values);
    }
  }
}

/// iq4_nl: f16 scales of all groups.
inline void improve_scales(const Slots& s, const Iq4Effort& effort, BestScales& best) {
  SignedBest found = first_scales(s, effort);
  found.improve(s);
  found.improve(s);
  Scales values = found.best_scales();
  for (float& value : values.values) value = nonzero_f16(value);
  best.consider(s, values.values);
  // Once more with codes chosen for the stored scale.
  SlotMoments moments;
  slot_moments(s.x, s.w, inverses(values.values).values, moments);
  for (std::size_t k = 0; k < kSlots; ++k)
    if (moments.b[k] > 0.0f) values.values[k] = nonzero_f16(moments.a[k] / moments.b[k]);
  best.consider(s, values.values);
  try_next_scales(s, best);
  try_all_levels(s, best);
}

/// `best` includes all that `normal` does, also for groups that are searched again.
inline BestScales search_scales(const Slots& s, Effort effort) {
  BestScales best;
  best.start(s, Scales{}.values);
  improve_scales(s, iq4_nl_effort(Effort::normal), best);
  if (effort != Effort::best) return best;
  improve_scales(s, iq4_nl_again(), best);
  improve_scales(s, iq4_nl_effort(effort), best);
  return best;
}

}  // namespace pq::gguf_iq::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
