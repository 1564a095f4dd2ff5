// SIMD version of offset_search.hpp: one group per lane, the same operations in the same order. Include rules as for lanes-inl.hpp.

// clang-format off
#if defined(POLYQUANT_CODEC_OFFSET_SEARCH_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef POLYQUANT_CODEC_OFFSET_SEARCH_INL_HPP
#undef POLYQUANT_CODEC_OFFSET_SEARCH_INL_HPP
#else
#define POLYQUANT_CODEC_OFFSET_SEARCH_INL_HPP
#endif
// clang-format on

#include <polyquant/codec/offset_search.hpp>
#include <polyquant/codec/scale_search-inl.hpp>

#include <cmath>
#include <iterator>

#if HWY_TARGET != HWY_SCALAR  // there the plain loops serve
HWY_BEFORE_NAMESPACE();
namespace pq::HWY_NAMESPACE {

struct LaneOffsetMoments {
  VF q, qq, xq;
};

template <std::size_t kBatch>
HWY_INLINE void offset_moments(LaneGroups groups, const VF (&inverse)[kBatch], const VF (&shift)[kBatch],
                               VF lowest, VF highest, LaneOffsetMoments (&sums)[kBatch]) {
  const F32 d;
  for (LaneOffsetMoments& s : sums) s.q = s.qq = s.xq = hn::Zero(d);
  for (std::size_t i = 0; i < groups.count; ++i) {
    const VF x = hn::Load(d, groups.x + i * kLanes), w = hn::Load(d, groups.w + i * kLanes);
    for (std::size_t k = 0; k < kBatch; ++k) {
      const VF q = hn::Min(hn::Max(hn::Round(hn::Add(hn::Mul(x, inverse[k]), shift[k])), lowest), highest);
      const VF wq = hn::Mul(w, q);
      sums[k].q = hn::Add(sums[k].q, wq);
      sums[k].qq = hn::Add(sums[k].qq, hn::Mul(wq, q));
      sums[k].xq = hn::Add(sums[k].xq, hn::Mul(wq, x));
    }
  }
}

struct LaneScaleOffset {
  VF scale, offset;
};

struct LaneOffsetError {
  VF error, c, cc, z, zc;
};

HWY_INLINE LaneOffsetError offset_error(LaneGroups groups, LaneScaleOffset fit, VF highest) {
  const F32 d;
  const VF zero = hn::Zero(d), inverse = inverses_or_zero(fit.scale);
  LaneOffsetError sums{zero, zero, zero, zero, zero};
  for (std::size_t i = 0; i < groups.count; ++i) {
    const VF x = hn::Load(d, groups.x + i * kLanes), w = hn::Load(d, groups.w + i * kLanes);
    const VF z = hn::Sub(x, fit.offset);
    const VF c = hn::Min(hn::Max(hn::Round(hn::Mul(z, inverse)), zero), highest);
    const VF difference = hn::Sub(x, hn::Add(hn::Mul(fit.scale, c), fit.offset));
    const VF wc = hn::Mul(w, c);
    sums.error = hn::Add(sums.error, hn::Mul(hn::Mul(w, difference), difference));
    sums.c = hn::Add(sums.c, wc);
    sums.cc = hn::Add(sums.cc, hn::Mul(wc, c));
    sums.z = hn::Add(sums.z, hn::Mul(w, z));
    sums.zc = hn::Add(sums.zc, hn::Mul(wc, z));
  }
  return sums;
}

HWY_INLINE hn::Mask<F32> has_spread(VF low, VF high) {
  const F32 d;
  const VF largest = hn::Max(hn::Neg(low), high);
  return hn::Ge(hn::Sub(high, low),
                hn::Max(hn::Set(d, kSmallestPeak), hn::Mul(largest, hn::Set(d, 0x1p-16f))));
}

/// constant_group() where a group has no spread, `fit` elsewhere.
HWY_INLINE LaneScaleOffset or_constant_group(hn::Mask<F32> spread, LaneScaleOffset fit, VF value) {
  if (HWY_LIKELY(hn::AllTrue(F32(), spread))) return fit;
  const VF offset = f16_rounded(value);
  return {hn::IfThenElse(spread, fit.scale, f16_rounded(hn::Sub(value, offset))),
          hn::IfThenElse(spread, fit.offset, offset)};
}

/// search_scale_offset() for all lanes. `centred`: scratch of groups.count vectors.
inline LaneScaleOffset search_scale_offset(LaneGroups groups, float highest_code, const OffsetStarts& starts,
                                           float* centred) {
  const F32 d;
  const VF zero = hn::Zero(d), one = hn::Set(d, 1.0f), highest = hn::Set(d, highest_code);
  VF total = zero, weighted = zero, low = hn::Set(d, HUGE_VALF), high = hn::Neg(low);
  for (std::size_t i = 0; i < groups.count; ++i) {
    const VF x = hn::Load(d, groups.x + i * kLanes), w = hn::Load(d, groups.w + i * kLanes);
    total = hn::Add(total, w);
    weighted = hn::Add(weighted, hn::Mul(w, x));
    const auto counts = hn::Gt(w, zero);
    low = hn::IfThenElse(counts, hn::Min(low, x), low);
    high = hn::IfThenElse(counts, hn::Max(high, x), high);
  }
  const VF mean = hn::Div(weighted, total);
  const VF range = hn::Sub(high, low);
  const auto alive = has_spread(low, high);
  VF squares = zero;
  for (std::size_t i = 0; i < groups.count; ++i) {
    const VF x = hn::Sub(hn::Load(d, groups.x + i * kLanes), mean);
    hn::Store(x, d, centred + i * kLanes);
    squares = hn::Add(squares, hn::Mul(hn::Mul(hn::Load(d, groups.w + i * kLanes), x), x));
  }
  const LaneGroups around_mean{centred, groups.w, groups.count};
  const VF middle = hn::Set(d, (highest_code + 1.0f) * 0.5f);
  const VF lowest_centred = hn::Neg(middle), highest_centred = hn::Sub(highest, middle);

  VF best_score = zero, best_variance = one;
  LaneOffsetMoments best{zero, zero, zero};
  const auto keep = [&](const LaneOffsetMoments& sums) HWY_ATTR {
    const VF variance = hn::Sub(sums.qq, hn::Div(hn::Mul(sums.q, sums.q), total));
    const VF score = divide_or_zero(hn::Mul(sums.xq, sums.xq), variance);
    const auto better = hn::Gt(score, best_score);
    best_score = hn::IfThenElse(better, score, best_score);
    best_variance = hn::IfThenElse(better, variance, best_variance);
    best.q = hn::IfThenElse(better, sums.q, best.q);
    best.qq = hn::IfThenElse(better, sums.qq, best.qq);
    best.xq = hn::IfThenElse(better, sums.xq, best.xq);
  };
  const VF step = hn::Div(hn::IfThenElse(alive, range, one), highest);
  const VF low_centred = hn::Sub(low, mean), high_centred = hn::Sub(high, mean);
  constexpr int kBatch = 2;
  const auto consider = [&](const VF(&inverse)[kBatch], const VF(&bottom)[kBatch]) HWY_ATTR {
    VF shift[kBatch];
    for (int k = 0; k < kBatch; ++k) shift[k] = hn::Sub(hn::Mul(hn::Neg(bottom[k]), inverse[k]), middle);
    LaneOffsetMoments sums[kBatch];
    offset_moments(around_mean, inverse, shift, lowest_centred, highest_centred, sums);
    for (const LaneOffsetMoments& s : sums) keep(s);
  };
  // Where a batch is not full its last start is repeated, which changes nothing: a repeated score is not better.
  for (int i = 0; i < starts.cuts; ++i) {
    const VF low_cut = hn::Add(
        low_centred, hn::Mul(hn::Set(d, starts.first_cut + static_cast<float>(i) * starts.cut_step), step));
    for (int begin = 0; begin < starts.cuts; begin += kBatch) {
      VF inverse[kBatch], bottom[kBatch];
      for (int k = 0; k < kBatch; ++k) {
        const float cut =
            starts.first_cut + static_cast<float>(HWY_MIN(begin + k, starts.cuts - 1)) * starts.cut_step;
        const VF top = hn::Sub(high_centred, hn::Mul(hn::Set(d, cut), step));
        inverse[k] = hn::Div(highest, hn::Sub(top, low_cut));
        bottom[k] = low_cut;
      }
      consider(inverse, bottom);
    }
  }
  const VF spread = hn::IfThenElse(alive, range, one);
  const float fewest_steps = (highest_code + 1.0f) * 0.5f;
  for (float steps = highest_code; steps >= fewest_steps; steps -= kBatch) {
    VF inverse[kBatch], bottom[kBatch];
    for (int k = 0; k < kBatch; ++k) {
      inverse[k] = hn::Div(hn::Set(d, HWY_MAX(steps - static_cast<float>(k), fewest_steps)), spread);
      bottom[k] = low_centred;
    }
    consider(inverse, bottom);
  }
  const VF deviation = hn::Max(hn::Sqrt(hn::Div(squares, total)), hn::Set(d, kSmallestPeak));
  constexpr int kWidths = static_cast<int>(std::size(kDeviations));
  for (int begin = 0; begin < kWidths; begin += kBatch) {
    VF inverse[kBatch], bottom[kBatch];
    for (int k = 0; k < kBatch; ++k) {
      bottom[k] = hn::Mul(hn::Set(d, -kDeviations[HWY_MIN(begin + k, kWidths - 1)]), deviation);
      inverse[k] = hn::Div(highest, hn::Mul(hn::Set(d, -2.0f), bottom[k]));
    }
    consider(inverse, bottom);
  }
  const auto found = hn::And(alive, hn::Gt(best_score, zero));
  best.xq = hn::IfThenElse(found, best.xq, one);
  for (int round = 0; round < starts.refinements; ++round) {
    const VF inverse[1] = {hn::Div(best_variance, best.xq)}, shift[1] = {hn::Div(best.q, total)};
    LaneOffsetMoments sums[1];
    offset_moments(around_mean, inverse, shift, lowest_centred, highest_centred, sums);
    keep(sums[0]);
  }

  const VF scale = hn::Div(best.xq, best_variance);
  const VF mean_code = hn::Add(hn::Div(best.q, total), middle);
  LaneScaleOffset result{f16_rounded(scale), f16_rounded(hn::Sub(mean, hn::Mul(scale, mean_code)))};
  const LaneOffsetError first = offset_error(groups, result, highest);
  VF best_error = first.error;
  const auto keep_if_better = [&](LaneScaleOffset fit, hn::Mask<F32> usable) HWY_ATTR {
    const VF error = offset_error(groups, fit, highest).error;
    const auto better = hn::And(usable, hn::Lt(error, best_error));
    best_error = hn::IfThenElse(better, error, best_error);
    result.scale = hn::IfThenElse(better, fit.scale, result.scale);
    result.offset = hn::IfThenElse(better, fit.offset, result.offset);
  };
  const VF offset = result.offset;
  const VF variance = hn::Sub(first.cc, hn::Div(hn::Mul(first.c, first.c), total));
  const VF covariance = hn::Sub(first.zc, hn::Div(hn::Mul(first.z, first.c), total));
  keep_if_better({f16_rounded(divide_or_zero(first.zc, first.cc)), offset}, hn::Gt(first.cc, zero));
  const VF refitted = divide_or_zero(covariance, variance);
  const VF moved = hn::Add(offset, hn::Div(hn::Sub(first.z, hn::Mul(refitted, first.c)), total));
  keep_if_better({f16_rounded(refitted), f16_rounded(moved)}, hn::Gt(variance, zero));

  keep_if_better({f16_rounded(step), f16_rounded(low)}, alive);

  // Without a spread of codes there is only one value.
  const VF only = hn::IfThenElse(alive, mean, hn::Add(low, hn::Mul(range, hn::Set(d, 0.5f))));
  return or_constant_group(found, result, only);
}

}  // namespace pq::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif

#endif
