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

#include <cmath>

#if HWY_TARGET != HWY_SCALAR  // there the plain loops serve
HWY_BEFORE_NAMESPACE();
namespace pq::HWY_NAMESPACE {

using I16 = hn::Repartition<std::int16_t, F32>;
using VS = hn::Vec<I16>;
constexpr std::size_t kPairs = kQuickWeights / 2;

HWY_INLINE VS shorts(VI v) { return hn::BitCast(I16(), v); }
HWY_INLINE VS set_shorts(int value) { return hn::Set(I16(), static_cast<std::int16_t>(value)); }

/// The low 16 bits of every lane in both halves.
HWY_INLINE VS both_halves(VI v) { return hn::OddEven(shorts(hn::ShiftLeft<16>(v)), shorts(v)); }

/// Masks of f32 lanes on pairs.
HWY_INLINE VS select_shorts(hn::Mask<F32> mask, VS yes, VS no) {
  const F32 d;
  return hn::BitCast(I16(), hn::IfThenElse(mask, hn::BitCast(d, yes), hn::BitCast(d, no)));
}

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

/// x * factor of elements i and i + 16, rounded to 16-bit integers.
HWY_INLINE VS to_pair(const float* x, std::size_t i, VF factor) {
  const F32 d;
  const auto bits = [&](std::size_t element) HWY_ATTR {
    const VF v = hn::Mul(hn::Load(d, x + element * kLanes), factor);
    return hn::BitCast(I32(), hn::Add(v, hn::Set(d, kRoundingMagic)));
  };
  return hn::OddEven(shorts(hn::ShiftLeft<16>(bits(i + kPairs))), shorts(bits(i)));
}

/// Codes in 16-bit halves to bytes, so that elements i, i + 8, i + 16, i + 24 lie in a lane. kAdded makes them positive.
template <int kAdded>
HWY_INLINE VS to_quads(VS first, VS second) {
  return hn::Add(hn::Add(first, hn::ShiftLeft<8>(second)), set_shorts(kAdded * 0x0101));
}

/// As QuickFit, per lane. Where `keeps_codes` holds, the codes found belong to it.
struct LaneQuickFit {
  LaneScaleOffset stored;
  hn::Mask<F32> keeps_codes, fits;
};

/// quick_search_scale() for all lanes, in three stages. Each of them ends in a chain of operations that wait for each other, so let the same
/// stage of several searches follow each other before the next stage.
template <const auto& kStarts, int kLowest, int kHighest>
class QuickScaleSearch {
 public:
  HWY_INLINE void begin(LaneRange ends) {
    const F32 d;
    peak_ = ends.peak();
    const auto alive = hn::Ge(hn::Abs(peak_), hn::Set(d, kSmallestPeak));
    alive_ = hn::VecFromMask(d, alive);
    factor_ = hn::Div(hn::Set(d, -kQuickPeak), hn::IfThenElse(alive, peak_, hn::Set(d, 1.0f)));
  }

  /// All starts in one pass over the weights `x`.
  HWY_INLINE void scan(const float* x) {
    const VF factor = factor_;
    Sums sums[kCount];
    for (Sums& s : sums) s = {hn::Zero(I32()), hn::Zero(I32())};
    VI squares = hn::Zero(I32());
    for (std::size_t i = 0; i < kPairs; ++i) {
      const VS y = to_pair(x, i, factor);
      pairs_[i] = y;
      squares = hn::Add(squares, multiply_pairs(y, y));
      for (std::size_t k = 0; k < kCount; ++k) add(y, start_code(y, kStarts.multipliers[k]), sums[k]);
    }
    for (std::size_t k = 0; k < kCount; ++k) sums_[k] = sums[k];
    squares_ = squares;
  }

  HWY_INLINE LaneQuickFit finish() {
    const F32 d;
    const VF zero = hn::Zero(d), one = hn::Set(d, 1.0f);
    Best best{zero, one, zero, hn::Zero(I16())};
    for (std::size_t k = 0; k < kCount; ++k) keep(sums_[k], set_shorts(kStarts.multipliers[k]), best);
    const auto found = hn::And(hn::MaskFromVec(alive_), hn::Gt(best.square, zero));
    best.a = hn::IfThenElse(found, best.a, one);
    for (int round = 0; round < kStarts.refinements; ++round) {
      const VS multiplier =
          both_halves(hn::NearestInt(hn::Div(hn::Mul(hn::Set(d, kQuickUnit), best.b), best.a)));
      Sums sums{hn::Zero(I32()), hn::Zero(I32())};
      for (const VS y : pairs_) add(y, code(y, multiplier), sums);
      keep(sums, multiplier, best);
    }
    multiplier_ = best.multiplier;
    const VF scale =
        f16_rounded(hn::Mul(hn::Div(best.a, best.b), hn::Mul(peak_, hn::Set(d, -1.0f / kQuickPeak))));
    const VF stored = hn::IfThenElseZero(found, scale), squares = hn::ConvertTo(d, squares_);
    const auto fits = hn::Le(hn::Sub(hn::Mul(squares, best.b), best.square),
                             hn::Mul(hn::Mul(squares, hn::Set(d, kQuickFit)), best.b));
    return {{stored, zero}, hn::Ge(hn::Abs(stored), hn::Set(d, kCoarseScale)), hn::And(found, fits)};
  }

  /// The codes of elements i, i + 8, i + 16, i + 24 that belong to the fit, measured from the lowest.
  HWY_INLINE VS quads(std::size_t i) const {
    return to_quads<-kLowest>(code(pairs_[i], multiplier_), code(pairs_[i + kPairs / 2], multiplier_));
  }

 private:
  static constexpr std::size_t kCount = kStarts.multipliers.size();
  struct Sums {
    VI a, b;
  };
  struct Best {
    VF a, b, square;
    VS multiplier;
  };

  static HWY_INLINE VS code(VS y, VS multiplier) {
    return hn::Min(hn::Max(hn::MulFixedPoint15(y, multiplier), set_shorts(kLowest)), set_shorts(kHighest));
  }
  /// code(); the lower end matters only to starts that clip the peak.
  static HWY_INLINE VS start_code(VS y, std::int16_t multiplier) {
    const VS q = hn::Min(hn::MulFixedPoint15(y, set_shorts(multiplier)), set_shorts(kHighest));
    constexpr int kPeak = static_cast<int>(kQuickPeak) + 1;  // with its rounding
    const bool clips =
        multiply_fixed(-kPeak, multiplier) < kLowest || multiply_fixed(kPeak, multiplier) < kLowest;
    return clips ? hn::Max(q, set_shorts(kLowest)) : q;
  }
  static HWY_INLINE void add(VS y, VS q, Sums& sums) {
    sums.a = hn::Add(sums.a, multiply_pairs(y, q));
    sums.b = hn::Add(sums.b, multiply_pairs(q, q));
  }
  static HWY_INLINE void keep(const Sums& sums, VS multiplier, Best& best) {
    const F32 d;
    const VF a = hn::ConvertTo(d, sums.a), b = hn::ConvertTo(d, sums.b), square = hn::Mul(a, a);
    const auto better = hn::Gt(hn::Mul(square, best.b), hn::Mul(best.square, b));
    best.square = hn::IfThenElse(better, square, best.square);
    best.a = hn::IfThenElse(better, a, best.a);
    best.b = hn::IfThenElse(better, b, best.b);
    best.multiplier = select_shorts(better, multiplier, best.multiplier);
  }

  VS pairs_[kPairs], multiplier_;
  VF peak_, alive_, factor_;
  VI squares_;
  Sums sums_[kCount];
};

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

/// search_fine_scale() for all lanes, in stages as above. The weights of the groups come from fine_weight_pairs().
template <const auto& kStarts>
class FineScaleSearch {
 public:
  HWY_INLINE void begin(LaneRange ends, const VS* weights) {
    const F32 d;
    peak_ = ends.peak();
    weights_ = weights;
    const auto alive = hn::Ge(hn::Abs(peak_), hn::Set(d, kSmallestPeak));
    alive_ = hn::VecFromMask(d, alive);
    mirror_ = hn::Min(hn::Neg(ends.low), ends.high);
    factor_ = hn::Div(hn::Set(d, -kFinePeak), hn::IfThenElse(alive, peak_, hn::Set(d, 1.0f)));
  }

  HWY_INLINE void scan(const float* x) {
    for (std::size_t i = 0; i < kPairs; ++i) pairs_[i] = to_pair(x, i, factor_);
    for (std::size_t k = 0; k < kStarts.size(); k += kAtOnce) {
      VI sums[kAtOnce];
      for (VI& sum : sums) sum = hn::Zero(I32());
      for (std::size_t i = 0; i < kPairs; ++i) {
        const VS y = pairs_[i], weight = weights_[i];
        for (std::size_t j = 0; j < kAtOnce; ++j) {
          const VS residual = hn::ShiftLeft<9>(hn::MulFixedPoint15(y, set_shorts(kStarts[k + j].multiplier)));
          const VS weighted = hn::MulFixedPoint15(residual, weight);
          sums[j] = hn::Add(sums[j], multiply_pairs(weighted, weighted));
        }
      }
      for (std::size_t j = 0; j < kAtOnce; ++j) sums_[k + j] = sums[j];
    }
  }

  HWY_INLINE LaneQuickFit finish() {
    const F32 d;
    const VF zero = hn::Zero(d), unusable = hn::Set(d, HUGE_VALF);
    const auto mirrored = hn::Ge(mirror_, hn::Mul(hn::Set(d, kFineMirror), hn::Abs(peak_)));
    VF best_error = zero, best_inverse = zero;
    VS best_multiplier = hn::Zero(I16());
    for (std::size_t k = 0; k < kStarts.size(); ++k) {
      VF error = hn::Mul(hn::ConvertTo(d, sums_[k]), hn::Set(d, kStarts[k].inverse_square));
      if (kStarts[k].clips) error = hn::IfThenElse(mirrored, unusable, error);
      const auto better = k == 0 ? hn::Ge(error, zero) : hn::Lt(error, best_error);
      best_error = hn::IfThenElse(better, error, best_error);
      best_inverse = hn::IfThenElse(better, hn::Set(d, kStarts[k].inverse_code), best_inverse);
      best_multiplier = select_shorts(better, set_shorts(kStarts[k].multiplier), best_multiplier);
    }
    multiplier_ = best_multiplier;
    const auto alive = hn::MaskFromVec(alive_);
    const VF stored = hn::IfThenElseZero(alive, f16_rounded(hn::Mul(peak_, best_inverse)));
    return {{stored, zero},
            hn::Ge(hn::Abs(stored), hn::Set(d, 0x1p-14f)),
            hn::And(alive, hn::Le(best_error, hn::Set(d, kFineFit)))};
  }

  /// The codes of elements i and i + 16 that belong to the fit.
  HWY_INLINE VS pairs(std::size_t i) const {
    const VS fine = hn::MulFixedPoint15(pairs_[i], multiplier_);
    return hn::Min(hn::ShiftRight<7>(hn::Add(fine, set_shorts(64))), set_shorts(127));
  }

 private:
  static constexpr std::size_t kAtOnce = 4;
  static_assert(kStarts.size() % kAtOnce == 0);
  VS pairs_[kPairs], multiplier_;
  VF peak_, mirror_, alive_, factor_;
  VI sums_[kStarts.size()];
  const VS* weights_;
};

}  // namespace pq::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif

#endif
