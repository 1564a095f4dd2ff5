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
constexpr std::size_t kPairs = kQuickWeights / 2;

/// Adding this leaves the nearest integer (ties to even) in the low bits, for |x| < 2^22.
constexpr float kRoundingMagic = 12582912.0f;  // 1.5 * 2^23

HWY_INLINE VS shorts(VI v) { return hn::BitCast(I16(), v); }
HWY_INLINE VS set_shorts(int value) { return hn::Set(I16(), static_cast<std::int16_t>(value)); }

/// The low 16 bits of every lane in both halves.
HWY_INLINE VS both_halves(VI v) { return hn::OddEven(shorts(hn::ShiftLeft<16>(v)), shorts(v)); }

/// Per 32-bit lane: low * low + high * high.
HWY_INLINE VI multiply_pairs(VS a, VS b) {
  const I32 di;
#if HWY_ARCH_X86 && HWY_TARGET != HWY_EMU128  // the emulation adds odd products to the second sum
  VI unused = hn::Zero(di);
  return hn::ReorderWidenMulAccumulate(di, a, b, hn::Zero(di), unused);
#else
  const VI wide_a = hn::BitCast(di, a), wide_b = hn::BitCast(di, b);
  const VI low =
      hn::Mul(hn::ShiftRight<16>(hn::ShiftLeft<16>(wide_a)), hn::ShiftRight<16>(hn::ShiftLeft<16>(wide_b)));
  return hn::Add(low, hn::Mul(hn::ShiftRight<16>(wide_a), hn::ShiftRight<16>(wide_b)));
#endif
}

/// (x - center) * factor of elements i and i + 16, rounded to 16-bit integers.
template <bool kCentered>
HWY_INLINE VS to_pair(const float* x, std::size_t i, VF center, VF factor) {
  const F32 d;
  const auto bits = [&](std::size_t element) HWY_ATTR {
    VF v = hn::Load(d, x + element * kLanes);
    if constexpr (kCentered) v = hn::Add(v, hn::Neg(center));  // a sum can take an operand from memory
    return hn::BitCast(I32(), hn::Add(hn::Mul(v, factor), hn::Set(d, kRoundingMagic)));
  };
  return hn::OddEven(shorts(hn::ShiftLeft<16>(bits(i + kPairs))), shorts(bits(i)));
}

template <bool kCentered>
HWY_INLINE void to_pairs(const float* x, VF center, VF factor, VS* pairs) {
  for (std::size_t i = 0; i < kPairs; ++i) pairs[i] = to_pair<kCentered>(x, i, center, factor);
}

/// A fit per lane. Where `keeps_codes` holds, the codes found belong to it.
struct LaneQuickFit {
  LaneScaleOffset stored;
  hn::Mask<F32> keeps_codes;
};

/// quick_search_scale() for all lanes. `peak`: the weights of largest magnitude. `pairs`: codes on return.
HWY_INLINE LaneQuickFit quick_search_scale(const float* x, VF peak, CodeRange range,
                                           const QuickScaleStarts& starts, VS* pairs) {
  const F32 d;
  const I32 di;
  const VF zero = hn::Zero(d), one = hn::Set(d, 1.0f);
  const auto alive = hn::Ge(hn::Abs(peak), hn::Set(d, kSmallestPeak));
  to_pairs<false>(x, zero, hn::Div(hn::Set(d, -kQuickPeak), hn::IfThenElse(alive, peak, one)), pairs);
  const VS lowest = set_shorts(static_cast<int>(range.lowest)),
           highest = set_shorts(static_cast<int>(range.highest));

  VF best_a = zero, best_b = one, best_square = zero;
  VS best_multiplier = hn::Zero(I16());
  const auto keep = [&](VI a_sum, VI b_sum, VS multiplier) HWY_ATTR {
    const VF a = hn::ConvertTo(d, a_sum), b = hn::ConvertTo(d, b_sum), square = hn::Mul(a, a);
    const auto better = hn::Gt(hn::Mul(square, best_b), hn::Mul(best_square, b));
    best_square = hn::IfThenElse(better, square, best_square);
    best_a = hn::IfThenElse(better, a, best_a);
    best_b = hn::IfThenElse(better, b, best_b);
    best_multiplier = hn::BitCast(
        I16(), hn::IfThenElse(better, hn::BitCast(d, multiplier), hn::BitCast(d, best_multiplier)));
  };
  const auto code = [&](VS y, VS multiplier) HWY_ATTR {
    return hn::Min(hn::Max(hn::MulFixedPoint15(y, multiplier), lowest), highest);
  };
  const auto pass = [&](VS multiplier, VI& a, VI& b, std::size_t i) HWY_ATTR {
    const VS q = code(pairs[i], multiplier);
    a = hn::Add(a, multiply_pairs(pairs[i], q));
    b = hn::Add(b, multiply_pairs(q, q));
  };
  const auto consider = [&](VS multiplier) HWY_ATTR {
    VI a = hn::Zero(di), b = a;
    for (std::size_t i = 0; i < kPairs; ++i) pass(multiplier, a, b, i);
    keep(a, b, multiplier);
  };
  std::size_t k = 0;
  for (; k + 2 <= starts.multipliers.size(); k += 2) {
    const VS m0 = set_shorts(starts.multipliers[k]), m1 = set_shorts(starts.multipliers[k + 1]);
    VI a0 = hn::Zero(di), b0 = a0, a1 = a0, b1 = a0;
    for (std::size_t i = 0; i < kPairs; ++i) {
      pass(m0, a0, b0, i);
      pass(m1, a1, b1, i);
    }
    keep(a0, b0, m0);
    keep(a1, b1, m1);
  }
  if (k < starts.multipliers.size()) consider(set_shorts(starts.multipliers[k]));
  const auto found = hn::And(alive, hn::Gt(best_square, zero));
  best_a = hn::IfThenElse(found, best_a, one);
  for (int round = 0; round < starts.refinements; ++round)
    consider(both_halves(hn::NearestInt(hn::Div(hn::Mul(hn::Set(d, kQuickUnit), best_b), best_a))));
  for (std::size_t i = 0; i < kPairs; ++i) pairs[i] = code(pairs[i], best_multiplier);
  const VF scale =
      f16_rounded(hn::Mul(hn::Div(best_a, best_b), hn::Mul(peak, hn::Set(d, -1.0f / kQuickPeak))));
  const VF stored = hn::IfThenElseZero(found, scale);
  return {{stored, zero}, hn::Ge(hn::Abs(stored), hn::Set(d, kCoarseScale))};
}

/// quick_search_scale_offset() for all lanes; the codes are measured from the middle one. kSingle: there is one lattice and no refinement,
/// so its codes are the result and all is done in one loop.
template <bool kSingle>
HWY_INLINE LaneQuickFit quick_search_scale_offset(const float* x, LaneRange ends, int highest_code,
                                                  const QuickOffsetStarts& starts, VS* pairs) {
  const F32 d;
  const I32 di;
  const VF zero = hn::Zero(d), one = hn::Set(d, 1.0f);
  const VF range = hn::Sub(ends.high, ends.low);
  const auto alive = has_spread(ends.low, ends.high);
  const VF center = hn::Add(ends.low, hn::Mul(range, hn::Set(d, 0.5f)));
  const VF factor = hn::Div(hn::Set(d, 2.0f * kQuickPeak), hn::IfThenElse(alive, range, one));
  const int middle = (highest_code + 1) / 2;
  const VS lowest = set_shorts(-middle), highest = set_shorts(middle - 1), ones = set_shorts(1);
  const VF inverse_count = hn::Set(d, 1.0f / kQuickWeights);
  const auto code = [&](VS y, VS multiplier, VS origin) HWY_ATTR {
    return hn::Min(hn::Max(hn::MulFixedPoint15(hn::Sub(y, origin), multiplier), lowest), highest);
  };

  VF best_covariance = zero, best_variance = one, best_square = zero, best_mean_code = zero, sum_y = zero;
  VS best_multiplier = hn::Zero(I16()), best_origin = best_multiplier;
  const auto keep = [&](VS q_pairs, VI qq, VI yq, VS multiplier, VS origin) HWY_ATTR {
    const VF sum_q = hn::ConvertTo(d, multiply_pairs(q_pairs, ones));
    const VF mean_code = hn::Mul(sum_q, inverse_count);
    const VF variance = hn::Sub(hn::ConvertTo(d, qq), hn::Mul(sum_q, mean_code));
    const VF covariance = hn::Sub(hn::ConvertTo(d, yq), hn::Mul(sum_y, mean_code));
    const VF square = hn::Mul(covariance, covariance);
    const auto better = hn::Gt(hn::Mul(square, best_variance), hn::Mul(best_square, variance));
    best_square = hn::IfThenElse(better, square, best_square);
    best_covariance = hn::IfThenElse(better, covariance, best_covariance);
    best_variance = hn::IfThenElse(better, variance, best_variance);
    best_mean_code = hn::IfThenElse(better, mean_code, best_mean_code);
    best_multiplier = hn::BitCast(
        I16(), hn::IfThenElse(better, hn::BitCast(d, multiplier), hn::BitCast(d, best_multiplier)));
    best_origin =
        hn::BitCast(I16(), hn::IfThenElse(better, hn::BitCast(d, origin), hn::BitCast(d, best_origin)));
  };
  const auto consider = [&](VS multiplier, VS origin) HWY_ATTR {
    VS q_pairs = hn::Zero(I16());
    VI qq = hn::Zero(di), yq = qq;
    for (std::size_t i = 0; i < kPairs; ++i) {
      const VS q = code(pairs[i], multiplier, origin);
      q_pairs = hn::Add(q_pairs, q);
      qq = hn::Add(qq, multiply_pairs(q, q));
      yq = hn::Add(yq, multiply_pairs(pairs[i], q));
    }
    keep(q_pairs, qq, yq, multiplier, origin);
  };

  VS y_pairs = hn::Zero(I16());  // 16 numbers of about 2000 fit
  if constexpr (kSingle) {
    const VS multiplier = set_shorts(starts.lattices[0].multiplier),
             origin = set_shorts(starts.lattices[0].origin);
    VS q_pairs = hn::Zero(I16());
    VI qq = hn::Zero(di), yq = qq;
    for (std::size_t i = 0; i < kPairs; ++i) {
      const VS y = to_pair<true>(x, i, center, factor), q = code(y, multiplier, origin);
      y_pairs = hn::Add(y_pairs, y);
      q_pairs = hn::Add(q_pairs, q);
      qq = hn::Add(qq, multiply_pairs(q, q));
      yq = hn::Add(yq, multiply_pairs(y, q));
      pairs[i] = q;
    }
    sum_y = hn::ConvertTo(d, multiply_pairs(y_pairs, ones));
    keep(q_pairs, qq, yq, multiplier, origin);
  } else {
    to_pairs<true>(x, center, factor, pairs);
    for (std::size_t i = 0; i < kPairs; ++i) y_pairs = hn::Add(y_pairs, pairs[i]);
    sum_y = hn::ConvertTo(d, multiply_pairs(y_pairs, ones));
    for (const QuickLattice& lattice : starts.lattices)
      consider(set_shorts(lattice.multiplier), set_shorts(lattice.origin));
    const VF mean_y = hn::Mul(sum_y, inverse_count);
    for (int round = 0; round < starts.refinements; ++round) {
      const VF step = hn::Div(hn::IfThenElse(alive, best_covariance, one), best_variance);
      consider(both_halves(hn::NearestInt(hn::Div(hn::Set(d, kQuickUnit), step))),
               both_halves(hn::NearestInt(hn::Sub(mean_y, hn::Mul(step, best_mean_code)))));
    }
    for (std::size_t i = 0; i < kPairs; ++i) pairs[i] = code(pairs[i], best_multiplier, best_origin);
  }
  const VF unit = hn::Mul(range, hn::Set(d, 1.0f / (2.0f * kQuickPeak)));
  const VF scale = hn::Mul(hn::Div(best_covariance, best_variance), unit);
  const VF mean = hn::Add(center, hn::Mul(hn::Mul(sum_y, inverse_count), unit));
  const VF offset =
      hn::Sub(mean, hn::Mul(scale, hn::Add(best_mean_code, hn::Set(d, static_cast<float>(middle)))));
  const LaneScaleOffset stored{f16_rounded(scale), f16_rounded(offset)};
  const VF coarse = hn::Max(hn::Set(d, kCoarseScale), hn::Mul(hn::Abs(stored.offset), hn::Set(d, 0x1p-8f)));
  return {or_constant_group(alive, stored, center), hn::And(alive, hn::Ge(stored.scale, coarse))};
}

/// fine_weight() of 32 elements as pairs.
HWY_INLINE void fine_weight_pairs(const float* w, VS* pairs) {
  const F32 d;
  const VF magic = hn::Set(d, kRoundingMagic), unit = hn::Set(d, 1024.0f);
  const auto bits = [&](std::size_t i) HWY_ATTR {
    return hn::BitCast(I32(), hn::Add(hn::Mul(hn::Sqrt(hn::Load(d, w + i * kLanes)), unit), magic));
  };
  for (std::size_t i = 0; i < kPairs; ++i)
    pairs[i] = hn::OddEven(shorts(hn::ShiftLeft<16>(bits(i + kPairs))), shorts(bits(i)));
}

/// search_fine_scale() for all lanes. `weights`: from fine_weight_pairs(). `pairs`: codes on return.
HWY_INLINE LaneQuickFit search_fine_scale(const float* x, const VS* weights, VF peak,
                                          std::span<const FineStart> starts, VS* pairs) {
  const F32 d;
  const I32 di;
  const VF zero = hn::Zero(d);
  const auto alive = hn::Ge(hn::Abs(peak), hn::Set(d, kSmallestPeak));
  to_pairs<false>(x, zero, hn::Div(hn::Set(d, -kFinePeak), hn::IfThenElse(alive, peak, hn::Set(d, 1.0f))),
                  pairs);

  VF best_error = zero, best_inverse = zero;
  VS best_multiplier = hn::Zero(I16());
  const auto pass = [&](VS multiplier, VI& sum, std::size_t i) HWY_ATTR {
    const VS residual = hn::ShiftLeft<9>(hn::MulFixedPoint15(pairs[i], multiplier));
    const VS weighted = hn::MulFixedPoint15(residual, weights[i]);
    sum = hn::Add(sum, multiply_pairs(weighted, weighted));
  };
  const auto keep = [&](VI sum, const FineStart& start, bool first) HWY_ATTR {
    const VF error = hn::Mul(hn::ConvertTo(d, sum), hn::Set(d, start.inverse_square)),
             inverse = hn::Set(d, start.inverse_code);
    const auto better = first ? hn::Ge(error, zero) : hn::Lt(error, best_error);
    best_error = hn::IfThenElse(better, error, best_error);
    best_inverse = hn::IfThenElse(better, inverse, best_inverse);
    best_multiplier = hn::BitCast(I16(), hn::IfThenElse(better, hn::BitCast(d, set_shorts(start.multiplier)),
                                                        hn::BitCast(d, best_multiplier)));
  };
  for (std::size_t k = 0; k < starts.size(); k += 2) {
    const FineStart &start0 = starts[k], &start1 = starts[HWY_MIN(k + 1, starts.size() - 1)];
    const VS m0 = set_shorts(start0.multiplier), m1 = set_shorts(start1.multiplier);
    VI sum0 = hn::Zero(di), sum1 = sum0;
    for (std::size_t i = 0; i < kPairs; ++i) {
      pass(m0, sum0, i);
      pass(m1, sum1, i);
    }
    keep(sum0, start0, k == 0);
    keep(sum1, start1, false);
  }
  const VS half = set_shorts(64), highest = set_shorts(127);
  for (std::size_t i = 0; i < kPairs; ++i)
    pairs[i] =
        hn::Min(hn::ShiftRight<7>(hn::Add(hn::MulFixedPoint15(pairs[i], best_multiplier), half)), highest);
  const VF stored = hn::IfThenElseZero(alive, f16_rounded(hn::Mul(peak, best_inverse)));
  return {{stored, zero}, hn::Ge(hn::Abs(stored), hn::Set(d, 0x1p-14f))};
}

}  // namespace pq::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif

#endif
