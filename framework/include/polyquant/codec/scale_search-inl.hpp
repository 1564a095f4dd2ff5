// SIMD version of scale_search.hpp: one group per lane, the same operations in the same order. Include rules as for lanes-inl.hpp.

// clang-format off
#if defined(POLYQUANT_CODEC_SCALE_SEARCH_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef POLYQUANT_CODEC_SCALE_SEARCH_INL_HPP
#undef POLYQUANT_CODEC_SCALE_SEARCH_INL_HPP
#else
#define POLYQUANT_CODEC_SCALE_SEARCH_INL_HPP
#endif
// clang-format on

#include <polyquant/codec/lanes-inl.hpp>
#include <polyquant/codec/scale_search.hpp>

#if HWY_TARGET != HWY_SCALAR  // there the plain loops serve
HWY_BEFORE_NAMESPACE();
namespace pq::HWY_NAMESPACE {

/// Groups in lanes: element i of all groups at values + i * kLanes.
struct LaneGroups {
  const float* x;
  const float* w;  // normalized importance
  std::size_t count;
};

struct LaneMoments {
  VF a, b;
};

/// scale_moments() for kBatch inverse scales at once: they share the loads and hide each other's latency.
template <std::size_t kBatch>
HWY_INLINE void scale_moments(LaneGroups groups, const VF (&inverse)[kBatch], VF lowest, VF highest,
                              LaneMoments (&sums)[kBatch]) {
  const F32 d;
  for (LaneMoments& s : sums) s.a = s.b = hn::Zero(d);
  for (std::size_t i = 0; i < groups.count; ++i) {
    const VF x = hn::Load(d, groups.x + i * kLanes), w = hn::Load(d, groups.w + i * kLanes);
    for (std::size_t k = 0; k < kBatch; ++k) {
      const VF q = nearest_codes(x, inverse[k], lowest, highest);
      const VF wq = hn::Mul(w, q);
      sums[k].a = hn::Add(sums[k].a, hn::Mul(wq, x));
      sums[k].b = hn::Add(sums[k].b, hn::Mul(wq, q));
    }
  }
}

struct LaneError {
  VF error;
  LaneMoments sums;
};

HWY_INLINE LaneError scale_error(LaneGroups groups, VF scale, VF lowest, VF highest) {
  const F32 d;
  const VF inverse = inverses_or_zero(scale);
  LaneError result{hn::Zero(d), {hn::Zero(d), hn::Zero(d)}};
  for (std::size_t i = 0; i < groups.count; ++i) {
    const VF x = hn::Load(d, groups.x + i * kLanes), w = hn::Load(d, groups.w + i * kLanes);
    const VF q = nearest_codes(x, inverse, lowest, highest);
    const VF difference = hn::Sub(x, hn::Mul(scale, q));
    result.error = hn::Add(result.error, hn::Mul(hn::Mul(w, difference), difference));
    const VF wq = hn::Mul(w, q);
    result.sums.a = hn::Add(result.sums.a, hn::Mul(wq, x));
    result.sums.b = hn::Add(result.sums.b, hn::Mul(wq, q));
  }
  return result;
}

/// search_exact_fit() for the lanes of `fits`.
inline HWY_NOINLINE VF search_exact_fit(LaneGroups groups, CodeRange range, VF peak, VF scale, VF error,
                                        hn::Mask<F32> fits) {
  const F32 d;
  const VF lowest = hn::Set(d, range.lowest), highest = hn::Set(d, range.highest);
  for (float code = range.lowest; code <= range.highest; code += 1.0f) {
    if (code == 0.0f) continue;
    const VF other = f16_rounded(hn::Div(peak, hn::Set(d, code)));
    const VF other_error = scale_error(groups, other, lowest, highest).error;
    const auto better = hn::And(fits, hn::Lt(other_error, error));
    error = hn::IfThenElse(better, other_error, error);
    scale = hn::IfThenElse(better, other, scale);
  }
  return scale;
}

/// search_scale() for all lanes; `peak`: the weights of largest magnitude.
inline VF search_scale(LaneGroups groups, VF peak, CodeRange range, const ScaleStarts& starts) {
  const F32 d;
  const VF lowest = hn::Set(d, range.lowest), highest = hn::Set(d, range.highest), zero = hn::Zero(d),
           one = hn::Set(d, 1.0f);
  const auto alive = hn::Ge(hn::Abs(peak), hn::Set(d, kSmallestPeak));
  const VF inverse_peak = hn::Div(one, hn::IfThenElse(alive, peak, one));

  VF best_score = zero;
  LaneMoments best{zero, zero};
  const auto keep = [&](const LaneMoments& sums) HWY_ATTR {
    const VF score = divide_or_zero(hn::Mul(sums.a, sums.a), sums.b);
    const auto better = hn::Gt(score, best_score);
    best_score = hn::IfThenElse(better, score, best_score);
    best.a = hn::IfThenElse(better, sums.a, best.a);
    best.b = hn::IfThenElse(better, sums.b, best.b);
  };
  VF total = zero, squares = zero;
  for (std::size_t i = 0; i < groups.count; ++i) {
    const VF x = hn::Load(d, groups.x + i * kLanes), w = hn::Load(d, groups.w + i * kLanes);
    total = hn::Add(total, w);
    squares = hn::Add(squares, hn::Mul(hn::Mul(w, x), x));
  }
  const VF inverse_rms = hn::Sqrt(divide_or_zero(total, squares));
  constexpr std::size_t kBatch = 4;
  const std::size_t peaks = starts.peak_codes.size(), count = peaks + starts.rms_codes.size();
  for (std::size_t begin = 0; begin < count; begin += kBatch) {
    VF inverse[kBatch];
    // The last batch repeats its last start; a repeated score is not better, so it changes nothing.
    for (std::size_t k = 0; k < kBatch; ++k) {
      const std::size_t start = HWY_MIN(begin + k, count - 1);
      inverse[k] = start < peaks ? hn::Mul(hn::Set(d, starts.peak_codes[start]), inverse_peak)
                                 : hn::Mul(hn::Set(d, starts.rms_codes[start - peaks]), inverse_rms);
    }
    LaneMoments sums[kBatch];
    scale_moments(groups, inverse, lowest, highest, sums);
    for (const LaneMoments& s : sums) keep(s);
  }
  const auto found = hn::And(alive, hn::Gt(best_score, zero));
  best.a = hn::IfThenElse(found, best.a, one);
  best.b = hn::IfThenElse(found, best.b, one);
  for (int round = 0; round < starts.refinements; ++round) {
    const VF inverse[1] = {hn::Div(best.b, best.a)};
    LaneMoments sums[1];
    scale_moments(groups, inverse, lowest, highest, sums);
    keep(sums[0]);
  }

  VF scale = f16_rounded(hn::Div(best.a, best.b));
  LaneError current = scale_error(groups, scale, lowest, highest);
  VF best_scale = scale, best_error = current.error;
  for (int round = 1; round < starts.final_rounds; ++round) {
    const auto refittable = hn::Gt(current.sums.b, zero);
    scale = hn::IfThenElse(refittable, f16_rounded(divide_or_zero(current.sums.a, current.sums.b)), scale);
    current = scale_error(groups, scale, lowest, highest);
    const auto better = hn::Lt(current.error, best_error);
    best_error = hn::IfThenElse(better, current.error, best_error);
    best_scale = hn::IfThenElse(better, scale, best_scale);
  }
  const auto fits = hn::And(found, hn::Le(best_error, hn::Mul(squares, hn::Set(d, kExactFit))));
  if (HWY_UNLIKELY(!hn::AllFalse(d, fits)))
    best_scale = search_exact_fit(groups, range, peak, best_scale, best_error, fits);
  return hn::IfThenElseZero(found, best_scale);
}

}  // namespace pq::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif

#endif
