// SIMD version of quick_search.hpp: one group of 32 weights per 32-bit lane, elements i and i + 16 in its halves. Include rules as for
// lanes-inl.hpp.

// clang-format off
#if defined(POLYQUANT_CODEC_QUICK_SEARCH_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef POLYQUANT_CODEC_QUICK_SEARCH_INL_HPP
#undef POLYQUANT_CODEC_QUICK_SEARCH_INL_HPP
#else
#define POLYQUANT_CODEC_QUICK_SEARCH_INL_HPP
#endif
// clang-format on

#include <polyquant/codec/offset_search-inl.hpp>
#include <polyquant/codec/quick_search.hpp>

#if HWY_TARGET != HWY_SCALAR  // there the plain loops serve
HWY_BEFORE_NAMESPACE();
namespace pq::HWY_NAMESPACE {

using I16 = hn::Repartition<std::int16_t, F32>;
using VS = hn::Vec<I16>;
constexpr std::size_t kQuickWeights = 32, kPairs = kQuickWeights / 2;

/// Adding this leaves the nearest integer (ties to even) in the low bits, for |x| < 2^22.
constexpr float kRoundingMagic = 12582912.0f;  // 1.5 * 2^23

HWY_INLINE VS shorts(VI v) { return hn::BitCast(I16(), v); }

/// The low 16 bits of every lane in both halves.
HWY_INLINE VS both_halves(VI v) {
  const I32 di;
  return shorts(hn::Or(hn::And(v, hn::Set(di, 0xFFFF)), hn::ShiftLeft<16>(v)));
}

/// Per 32-bit lane: low * low + high * high.
HWY_INLINE VI multiply_pairs(VS a, VS b) {
  const I32 di;
#if HWY_ARCH_X86
  VI unused = hn::Zero(di);
  return hn::ReorderWidenMulAccumulate(di, a, b, hn::Zero(di), unused);
#else
  const VI wide_a = hn::BitCast(di, a), wide_b = hn::BitCast(di, b);
  const VI low = hn::Mul(hn::ShiftRight<16>(hn::ShiftLeft<16>(wide_a)), hn::ShiftRight<16>(hn::ShiftLeft<16>(wide_b)));
  return hn::Add(low, hn::Mul(hn::ShiftRight<16>(wide_a), hn::ShiftRight<16>(wide_b)));
#endif
}

/// Rounds (x - center) * factor of 32 elements to 16-bit integers, pairs (i, i + 16).
template <bool kCentered>
HWY_INLINE void to_pairs(const float* x, VF center, VF factor, VS* pairs) {
  const F32 d;
  const VF magic = hn::Set(d, kRoundingMagic);
  const auto bits = [&](std::size_t i) HWY_ATTR {
    VF v = hn::Load(d, x + i * kLanes);
    if constexpr (kCentered) v = hn::Sub(v, center);
    return hn::BitCast(I16(), hn::Add(hn::Mul(v, factor), magic));
  };
  for (std::size_t i = 0; i < kPairs; ++i) {
    const VS high = shorts(hn::ShiftLeft<16>(hn::BitCast(I32(), bits(i + kPairs))));
    pairs[i] = hn::OddEven(high, bits(i));
  }
}

/// quick_search_scale() for all lanes. `peak`: the weights of largest magnitude; `pairs`: scratch.
HWY_INLINE VF quick_search_scale(const float* x, VF peak, CodeRange range, const QuickScaleStarts& starts, VS* pairs) {
  const F32 d;
  const I16 ds;
  const I32 di;
  const VF zero = hn::Zero(d), one = hn::Set(d, 1.0f);
  const auto alive = hn::Ge(hn::Abs(peak), hn::Set(d, kSmallestPeak));
  to_pairs<false>(x, zero, hn::Div(hn::Set(d, -kQuickPeak), hn::IfThenElse(alive, peak, one)), pairs);
  const VS lowest = hn::Set(ds, static_cast<std::int16_t>(range.lowest)), highest = hn::Set(ds, static_cast<std::int16_t>(range.highest));

  VF best_score = zero, best_a = zero, best_b = one;
  const auto keep = [&](VI a_sum, VI b_sum) HWY_ATTR {
    const VF a = hn::ConvertTo(d, a_sum), b = hn::ConvertTo(d, b_sum);
    const VF score = divide_or_zero(hn::Mul(a, a), b);
    const auto better = hn::Gt(score, best_score);
    best_score = hn::IfThenElse(better, score, best_score);
    best_a = hn::IfThenElse(better, a, best_a);
    best_b = hn::IfThenElse(better, b, best_b);
  };
  const auto pass = [&](VS multiplier, VI& a, VI& b, std::size_t i) HWY_ATTR {
    const VS q = hn::Min(hn::Max(hn::MulFixedPoint15(pairs[i], multiplier), lowest), highest);
    a = hn::Add(a, multiply_pairs(pairs[i], q));
    b = hn::Add(b, multiply_pairs(q, q));
  };
  std::size_t k = 0;
  const auto multiplier = [&](std::size_t start) HWY_ATTR {
    return hn::Set(ds, static_cast<std::int16_t>(quick_multiplier(starts.peak_codes[start])));
  };
  for (; k + 2 <= starts.peak_codes.size(); k += 2) {
    const VS m0 = multiplier(k), m1 = multiplier(k + 1);
    VI a0 = hn::Zero(di), b0 = a0, a1 = a0, b1 = a0;
    for (std::size_t i = 0; i < kPairs; ++i) {
      pass(m0, a0, b0, i);
      pass(m1, a1, b1, i);
    }
    keep(a0, b0);
    keep(a1, b1);
  }
  const auto single = [&](VS m) HWY_ATTR {
    VI a = hn::Zero(di), b = a;
    for (std::size_t i = 0; i < kPairs; ++i) pass(m, a, b, i);
    keep(a, b);
  };
  if (k < starts.peak_codes.size()) single(multiplier(k));
  const auto found = hn::And(alive, hn::Gt(best_score, zero));
  best_a = hn::IfThenElse(found, best_a, one);
  for (int round = 0; round < starts.refinements; ++round)
    single(both_halves(hn::NearestInt(hn::Div(hn::Mul(hn::Set(d, kQuickUnit), best_b), best_a))));
  return hn::IfThenElseZero(found, f16_rounded(hn::Mul(hn::Div(best_a, best_b), hn::Mul(peak, hn::Set(d, -1.0f / kQuickPeak)))));
}

/// quick_search_scale_offset() for all lanes; `low` and `high`: the ends of each group.
HWY_INLINE LaneScaleOffset quick_search_scale_offset(const float* x, VF low, VF high, float highest_code, const QuickOffsetStarts& starts,
                                                     VS* pairs) {
  const F32 d;
  const I16 ds;
  const I32 di;
  const VF zero = hn::Zero(d), one = hn::Set(d, 1.0f);
  const VF range = hn::Sub(high, low);
  const auto alive = has_spread(low, high);
  const VF middle_weight = hn::Add(low, hn::Mul(range, hn::Set(d, 0.5f)));
  to_pairs<true>(x, middle_weight, hn::Div(hn::Set(d, 2.0f * kQuickPeak), hn::IfThenElse(alive, range, one)), pairs);
  const auto middle = static_cast<std::int16_t>((static_cast<int>(highest_code) + 1) / 2);
  const VS lowest = hn::Set(ds, static_cast<std::int16_t>(-middle)), highest = hn::Set(ds, static_cast<std::int16_t>(middle - 1));
  const VS ones = hn::Set(ds, std::int16_t{1});
  const VF inverse_count = hn::Set(d, 1.0f / static_cast<float>(kQuickWeights));

  VS y_pairs = hn::Zero(ds);  // 16 numbers of about 2000 fit
  for (std::size_t i = 0; i < kPairs; ++i) y_pairs = hn::Add(y_pairs, pairs[i]);
  const VF sum_y = hn::ConvertTo(d, multiply_pairs(y_pairs, ones));
  const VF mean_y = hn::Mul(sum_y, inverse_count);

  VF best_score = zero, best_covariance = one, best_variance = one, best_mean_code = zero;
  const auto consider = [&](VS multiplier, VS origin) HWY_ATTR {
    VS q_pairs = hn::Zero(ds);
    VI qq = hn::Zero(di), yq = qq;
    for (std::size_t i = 0; i < kPairs; ++i) {
      const VS q = hn::Min(hn::Max(hn::MulFixedPoint15(hn::Sub(pairs[i], origin), multiplier), lowest), highest);
      q_pairs = hn::Add(q_pairs, q);
      qq = hn::Add(qq, multiply_pairs(q, q));
      yq = hn::Add(yq, multiply_pairs(pairs[i], q));
    }
    const VF sum_q = hn::ConvertTo(d, multiply_pairs(q_pairs, ones));
    const VF mean_code = hn::Mul(sum_q, inverse_count);
    const VF variance = hn::Sub(hn::ConvertTo(d, qq), hn::Mul(sum_q, mean_code));
    const VF covariance = hn::Sub(hn::ConvertTo(d, yq), hn::Mul(sum_y, mean_code));
    const VF score = divide_or_zero(hn::Mul(covariance, covariance), variance);
    const auto better = hn::Gt(score, best_score);
    best_score = hn::IfThenElse(better, score, best_score);
    best_covariance = hn::IfThenElse(better, covariance, best_covariance);
    best_variance = hn::IfThenElse(better, variance, best_variance);
    best_mean_code = hn::IfThenElse(better, mean_code, best_mean_code);
  };
  for (const QuickCut& cut : starts.cuts) {
    const QuickLattice lattice = quick_lattice(cut, highest_code);
    consider(hn::Set(ds, static_cast<std::int16_t>(lattice.multiplier)), hn::Set(ds, static_cast<std::int16_t>(lattice.origin)));
  }
  for (int round = 0; round < starts.refinements; ++round) {
    const VF scale = hn::Div(best_covariance, best_variance);
    const VI multiplier = hn::NearestInt(hn::Mul(hn::Set(d, kQuickUnit), hn::Div(best_variance, best_covariance)));
    consider(both_halves(multiplier), both_halves(hn::NearestInt(hn::Sub(mean_y, hn::Mul(scale, best_mean_code)))));
  }
  const VF unit = hn::Mul(range, hn::Set(d, 1.0f / (2.0f * kQuickPeak)));
  const VF scale = hn::Mul(hn::Div(best_covariance, best_variance), unit);
  const VF mean = hn::Add(middle_weight, hn::Mul(mean_y, unit));
  const VF offset = hn::Sub(mean, hn::Mul(scale, hn::Add(best_mean_code, hn::Set(d, static_cast<float>(middle)))));
  return or_constant_group(alive, {f16_rounded(scale), f16_rounded(offset)}, middle_weight);
}

/// fine_weight() of 32 elements as pairs.
HWY_INLINE void fine_weight_pairs(const float* w, VS* pairs) {
  const F32 d;
  const VF magic = hn::Set(d, kRoundingMagic), unit = hn::Set(d, 1024.0f);
  const auto bits = [&](std::size_t i) HWY_ATTR {
    return hn::BitCast(I16(), hn::Add(hn::Mul(hn::Sqrt(hn::Load(d, w + i * kLanes)), unit), magic));
  };
  for (std::size_t i = 0; i < kPairs; ++i)
    pairs[i] = hn::OddEven(shorts(hn::ShiftLeft<16>(hn::BitCast(I32(), bits(i + kPairs)))), bits(i));
}

/// search_fine_scale() for all lanes. `weights`: from fine_weight_pairs(); `pairs`: scratch.
HWY_INLINE VF search_fine_scale(const float* x, const VS* weights, VF peak, const FineScaleStarts& starts, VS* pairs) {
  const F32 d;
  const I16 ds;
  const I32 di;
  const VF zero = hn::Zero(d);
  const auto alive = hn::Ge(hn::Abs(peak), hn::Set(d, kSmallestPeak));
  to_pairs<false>(x, zero, hn::Div(hn::Set(d, -kFinePeak), hn::IfThenElse(alive, peak, hn::Set(d, 1.0f))), pairs);

  VF best_error = zero, best_inverse = zero;
  const auto pass = [&](VS multiplier, VI& sum, std::size_t i) HWY_ATTR {
    const VS residual = hn::ShiftLeft<9>(hn::MulFixedPoint15(pairs[i], multiplier));
    const VS weighted = hn::MulFixedPoint15(residual, weights[i]);
    sum = hn::Add(sum, multiply_pairs(weighted, weighted));
  };
  bool first = true;
  const auto keep = [&](VI sum, float code) HWY_ATTR {
    const VF error = hn::Mul(hn::ConvertTo(d, sum), hn::Set(d, 1.0f / (code * code)));
    const VF inverse = hn::Set(d, 1.0f / code);
    const auto better = hn::Lt(error, best_error);
    best_error = first ? error : hn::IfThenElse(better, error, best_error);
    best_inverse = first ? inverse : hn::IfThenElse(better, inverse, best_inverse);
    first = false;
  };
  const std::size_t count = starts.peak_codes.size();
  for (std::size_t k = 0; k < count; k += 2) {
    const float code0 = starts.peak_codes[k], code1 = starts.peak_codes[HWY_MIN(k + 1, count - 1)];
    const VS m0 = hn::Set(ds, static_cast<std::int16_t>(fine_multiplier(code0)));
    const VS m1 = hn::Set(ds, static_cast<std::int16_t>(fine_multiplier(code1)));
    VI sum0 = hn::Zero(di), sum1 = sum0;
    for (std::size_t i = 0; i < kPairs; ++i) {
      pass(m0, sum0, i);
      pass(m1, sum1, i);
    }
    keep(sum0, code0);
    keep(sum1, code1);
  }
  return hn::IfThenElseZero(alive, f16_rounded(hn::Mul(peak, best_inverse)));
}

}  // namespace pq::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif

#endif
