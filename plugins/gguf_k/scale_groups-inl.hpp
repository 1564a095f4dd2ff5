// Groups of super-blocks without minima: real scales, the super-scale, and the errors of scale codes (steps 1 to 3 of
// scale_super-inl.hpp). Include rules as for codec/lanes-inl.hpp.

// clang-format off
#if defined(POLYQUANT_GGUF_K_SCALE_GROUPS_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef POLYQUANT_GGUF_K_SCALE_GROUPS_INL_HPP
#undef POLYQUANT_GGUF_K_SCALE_GROUPS_INL_HPP
#else
#define POLYQUANT_GGUF_K_SCALE_GROUPS_INL_HPP
#endif
// clang-format on

#include "scale_super.hpp"
#include "super_lanes-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace pq::gguf::HWY_NAMESPACE {

/// The 16 groups of a super-block on their way through the search.
template <class Codec>
struct ScaleGroups {
  static constexpr std::size_t kGroup = Codec::kGroup;
  ElementMajor<kGroup> x;
  const ElementMajor<kGroup>* w;
  GroupValues peak;     // the weight of largest magnitude
  GroupValues squares;  // sum w x^2
  GroupValues total;    // sum w
  bool one_sided;       // no group has weights of both signs
  bool on_grid;         // many weights equal the one before
};

/// Scale codes of the groups, and the error of the values that they decode to.
struct ScaleChoice {
  float d = 0;
  GroupValues scales, errors;
};

/// Errors of nearest codes for kCount inverse scales per group, in units of the squared scale.
template <class Codec, std::size_t kCount>
HWY_INLINE void unit_errors(const float* x, const float* w, const VF (&inverse)[kCount],
                            VF (&error)[kCount]) {
  const F32 d;
  const VF lowest = hn::Set(d, Codec::kMinCode), highest = hn::Set(d, Codec::kMaxCode);
  for (VF& e : error) e = hn::Zero(d);
  for (std::size_t i = 0; i < Codec::kGroup; ++i) {
    const VF xi = hn::Load(d, x + i * kLanes), wi = hn::Load(d, w + i * kLanes);
    for (std::size_t k = 0; k < kCount; ++k) {
      const VF u = hn::Mul(xi, inverse[k]);
      const VF r = hn::Sub(u, hn::Min(hn::Max(hn::Round(u), lowest), highest));
      error[k] = hn::Add(error[k], hn::Mul(hn::Mul(wi, r), r));
    }
  }
}

struct ScaleSums {
  VF xq, qq;  // sum w x q, sum w q^2
};

template <class Codec, std::size_t kCount>
HWY_INLINE void code_sums(const float* x, const float* w, const VF (&inverse)[kCount],
                          ScaleSums (&sums)[kCount]) {
  const F32 d;
  const VF lowest = hn::Set(d, Codec::kMinCode), highest = hn::Set(d, Codec::kMaxCode);
  for (ScaleSums& s : sums) s.xq = s.qq = hn::Zero(d);
  for (std::size_t i = 0; i < Codec::kGroup; ++i) {
    const VF xi = hn::Load(d, x + i * kLanes), wi = hn::Load(d, w + i * kLanes);
    for (std::size_t k = 0; k < kCount; ++k) {
      const VF q = nearest_codes(xi, inverse[k], lowest, highest), wq = hn::Mul(wi, q);
      sums[k].xq = hn::Add(sums[k].xq, hn::Mul(wq, xi));
      sums[k].qq = hn::Add(sums[k].qq, hn::Mul(wq, q));
    }
  }
}

/// Refitted real scales of the groups, the best ones with each sign and their scores.
struct SignedScales {
  GroupValues scale[2], score[2];  // 0: the peak gets a negative code
};

template <class Codec>
HWY_INLINE void find_scales(const ScaleGroups<Codec>& groups, const ScaleSearch& search,
                            SignedScales& found) {
  const F32 d;
  const VF zero = hn::Zero(d), one = hn::Set(d, 1.0f);
  for (std::size_t c = 0; c < kChunks; ++c) {
    const VF peak = groups.peak.load(c);
    const auto alive = hn::Ge(hn::Abs(peak), hn::Set(d, kSmallestPeak));
    const VF inverse_peak = hn::Div(one, hn::IfThenElse(alive, peak, one));
    VF scale[2] = {zero, zero}, score[2] = {zero, zero};
    const auto try_start = [&](VF inverse_unit, float start) HWY_ATTR {
      const VF inverse[2] = {hn::Mul(inverse_unit, hn::Set(d, start * Codec::kMinCode)),
                             hn::Mul(inverse_unit, hn::Set(d, -start * Codec::kMinCode))};
      ScaleSums sums[2];
      code_sums<Codec>(groups.x.at[c], groups.w->at[c], inverse, sums);
      for (std::size_t k = 0; k < 2; ++k) {
        const VF ratio = divide_or_zero(sums[k].xq, sums[k].qq), value = hn::Mul(ratio, sums[k].xq);
        const auto better = hn::And(alive, hn::Gt(value, score[k]));
        score[k] = hn::IfThenElse(better, value, score[k]);
        scale[k] = hn::IfThenElse(better, ratio, scale[k]);
      }
    };
    for (const float start : search.starts) try_start(inverse_peak, start);
    const VF rms = hn::Sqrt(divide_or_zero(groups.squares.load(c), groups.total.load(c)));
    const VF signed_rms = hn::CopySign(rms, peak);
    try_start(hn::Div(one, hn::IfThenElse(hn::Gt(rms, hn::Set(d, kSmallestPeak)), signed_rms, one)),
              search.rms);
    for (std::size_t k = 0; k < 2; ++k) {
      found.scale[k].store(c, scale[k]);
      found.score[k].store(c, score[k]);
    }
  }
}

enum class Sign : std::size_t { negative, positive, better };

/// The f16 factor that gives the largest of the scales found the code kMinScale / `stretch`. Not 0 unless all scales are.
template <class Codec>
HWY_INLINE float super_scale(const SignedScales& found, Sign sign, float stretch) {
  float largest = 0;
  for (std::size_t g = 0; g < kBatchGroups; ++g) {
    const std::size_t k = sign == Sign::better ? std::size_t{found.score[1].at[g] > found.score[0].at[g]}
                                               : static_cast<std::size_t>(sign);
    const float scale = found.scale[k].at[g];
    if (std::abs(scale) > std::abs(largest)) largest = scale;
  }
  return nonzero_f16(largest * stretch / static_cast<float>(Codec::kMinScale));
}

/// What the rounding of the scales found to codes costs with this factor: sum score (1 - factor code / scale)^2.
template <class Codec>
HWY_INLINE float rounding_cost(const SignedScales& found, float factor) {
  const F32 d;
  const VF zero = hn::Zero(d), inverse = hn::Set(d, inverse_or_zero(factor));
  GroupValues cost;
  for (std::size_t c = 0; c < kChunks; ++c) {
    const VF score[2] = {found.score[0].load(c), found.score[1].load(c)};
    const auto second = hn::Gt(score[1], score[0]);
    const VF code = hn::Mul(hn::IfThenElse(second, found.scale[1].load(c), found.scale[0].load(c)), inverse);
    const VF rounded =
        hn::Min(hn::Max(hn::Round(code), hn::Set(d, Codec::kMinScale)), hn::Set(d, Codec::kMaxScale));
    const auto none = hn::Eq(code, zero);
    const VF miss = hn::Div(hn::Sub(code, rounded), hn::IfThenElse(none, hn::Set(d, 1.0f), code));
    cost.store(c, hn::IfThenZeroElse(none, hn::Mul(hn::Max(score[0], score[1]), hn::Mul(miss, miss))));
  }
  return ordered_sum(cost.at, kBatchGroups);
}

/// Step 2: the factor whose codes suit the scales found best.
template <class Codec>
HWY_INLINE float best_factor(const SignedScales& found, std::span<const float> stretches) {
  float best = 0, best_cost = 0;
  for (std::size_t k = 0; k < stretches.size(); ++k) {
    const float factor = super_scale<Codec>(found, Sign::better, stretches[k]);
    const float cost = stretches.size() > 1 ? rounding_cost<Codec>(found, factor) : 0.0f;
    if (k > 0 && !(cost < best_cost)) continue;
    best = factor;
    best_cost = cost;
  }
  return best;
}

/// Tries the scale codes center - window + 1 .. center + window (an even window) for all groups of chunk c.
template <class Codec>
HWY_INLINE void try_scales(const ScaleGroups<Codec>& groups, std::size_t c, float factor, VF center,
                           int window, VF& best_scale, VF& best_error) {
  const F32 d;
  constexpr std::size_t kCount = 4;
  for (int begin = 1 - window; begin < window; begin += static_cast<int>(kCount)) {
    VF scale[kCount], value[kCount], inverse[kCount], error[kCount];
    for (std::size_t k = 0; k < kCount; ++k) {
      const float step = static_cast<float>(begin + static_cast<int>(k));
      scale[k] = hn::Min(hn::Max(hn::Add(center, hn::Set(d, step)), hn::Set(d, Codec::kMinScale)),
                         hn::Set(d, Codec::kMaxScale));
      value[k] = hn::Mul(scale[k], hn::Set(d, factor));
      inverse[k] = inverses_or_zero(value[k]);
    }
    unit_errors<Codec>(groups.x.at[c], groups.w->at[c], inverse, error);
    for (std::size_t k = 0; k < kCount; ++k) {
      error[k] = hn::Mul(hn::Mul(value[k], value[k]), error[k]);
      // The scale 0 decodes to zeros; its error is where the search began.
      const auto better = hn::And(hn::Ne(value[k], hn::Zero(d)), hn::Lt(error[k], best_error));
      best_error = hn::IfThenElse(better, error[k], best_error);
      best_scale = hn::IfThenElse(better, scale[k], best_scale);
    }
  }
}

}  // namespace pq::gguf::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
