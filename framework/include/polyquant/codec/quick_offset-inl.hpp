// SIMD version of quick_offset.hpp: one group of 32 weights per 32-bit lane, elements i, i + 8, i + 16, i + 24 in its bytes. Include rules as for
// lanes-inl.hpp.

// clang-format off
#if defined(POLYQUANT_CODEC_QUICK_OFFSET_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef POLYQUANT_CODEC_QUICK_OFFSET_INL_HPP
#undef POLYQUANT_CODEC_QUICK_OFFSET_INL_HPP
#else
#define POLYQUANT_CODEC_QUICK_OFFSET_INL_HPP
#endif
// clang-format on

#include <polyquant/codec/quick_offset.hpp>
#include <polyquant/codec/quick_search-inl.hpp>

#if HWY_TARGET != HWY_SCALAR  // there the plain loops serve
HWY_BEFORE_NAMESPACE();
namespace pq::HWY_NAMESPACE {

/// Per 16-bit half: low * low + high * high of its bytes, where the sum is below 2^15.
HWY_INLINE VS multiply_bytes(VS a, VS b) {
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX3
  return VS{_mm512_maddubs_epi16(a.raw, b.raw)};
#elif HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX2
  return VS{_mm256_maddubs_epi16(a.raw, b.raw)};
#elif HWY_ARCH_X86 && HWY_TARGET <= HWY_SSSE3
  return VS{_mm_maddubs_epi16(a.raw, b.raw)};
#else
  const hn::RebindToUnsigned<I16> du;
  const auto wide_a = hn::BitCast(du, a), wide_b = hn::BitCast(du, b), low = hn::Set(du, std::uint16_t{255});
  const auto high = hn::Mul(hn::ShiftRight<8>(wide_a), hn::ShiftRight<8>(wide_b));
  return hn::BitCast(I16(), hn::Add(hn::Mul(hn::And(wide_a, low), hn::And(wide_b, low)), high));
#endif
}

/// Per 32-bit lane the sum of its halves, read as unsigned numbers.
HWY_INLINE VI add_halves(VS v) {
  const VU wide = hn::BitCast(U32(), v);
  return hn::BitCast(I32(), hn::Add(hn::And(wide, hn::Set(U32(), 0xFFFFu)), hn::ShiftRight<16>(wide)));
}

/// quick_search_scale_offset() for all lanes, in stages as QuickScaleSearch.
template <const auto& kStarts>
class QuickOffsetSearch {
 public:
  HWY_INLINE void begin(LaneRange ends) {
    const F32 d;
    low_ = ends.low;
    high_ = ends.high;
    range_ = hn::Sub(ends.high, ends.low);
    center_ = hn::Add(ends.low, hn::Mul(range_, hn::Set(d, 0.5f)));
    const auto alive = has_spread(ends.low, ends.high);
    alive_ = hn::VecFromMask(d, alive);
    factor_ = hn::Div(hn::Set(d, kReach), hn::IfThenElse(alive, range_, hn::Set(d, 1.0f)));
    const VF largest = hn::Max(hn::Neg(ends.low), ends.high);
    const auto far = hn::Gt(largest, hn::Mul(range_, hn::Set(d, kFarRanges)));
    any_far_ = !hn::AllFalse(d, far);
    moved_ = hn::IfThenElseZero(far, center_);
    const VF lowest = hn::Round(hn::Mul(hn::Sub(ends.low, moved_), factor_));
    base_ = hn::Sub(lowest, hn::Set(d, static_cast<float>(kStarts.shifts.front())));
  }

  /// All candidates in one pass over the weights `x`.
  HWY_INLINE void scan(const float* x) {
    if (HWY_LIKELY(!any_far_))
      scan_moved<false>(x);
    else
      scan_moved<true>(x);
  }

  HWY_INLINE LaneQuickFit finish() {
    const F32 d;
    const VF inverse_count = hn::Set(d, 1.0f / kQuickWeights);
    const VF sum_y = hn::ConvertTo(d, multiply_pairs(sum_y_, set_shorts(1)));
    VF best_covariance, best_variance, best_square, best_mean_code;
    VS best_distance = hn::Zero(I16());
    for (std::size_t k = 0; k < kCount; ++k) {
      const VF sum_q = hn::ConvertTo(d, multiply_pairs(sums_[k].q, set_shorts(1)));
      const VF sum_qq = hn::ConvertTo(d, multiply_pairs(sums_[k].qq, set_shorts(1)));
      const VF mean_code = hn::Mul(sum_q, inverse_count);
      const VF variance = hn::Sub(sum_qq, hn::Mul(sum_q, mean_code));
      const VF covariance = hn::Sub(hn::ConvertTo(d, sums_[k].yq), hn::Mul(sum_y, mean_code));
      const VF square = hn::Mul(covariance, covariance);
      if (k == 0) {
        best_square = square;
        best_covariance = covariance;
        best_variance = variance;
        best_mean_code = mean_code;
        continue;
      }
      const auto better = hn::Gt(hn::Mul(square, best_variance), hn::Mul(best_square, variance));
      best_square = hn::IfThenElse(better, square, best_square);
      best_covariance = hn::IfThenElse(better, covariance, best_covariance);
      best_variance = hn::IfThenElse(better, variance, best_variance);
      best_mean_code = hn::IfThenElse(better, mean_code, best_mean_code);
      best_distance = select_shorts(better, distance(k), best_distance);
    }
    distance_ = best_distance;

    const VF unit = hn::Mul(range_, hn::Set(d, 1.0f / kReach));
    const VF scale = hn::Mul(hn::Div(best_covariance, best_variance), unit);
    const VF mean = hn::Add(hn::Mul(hn::Add(base_, hn::Mul(sum_y, inverse_count)), unit), moved_);
    const VF offset = hn::Sub(mean, hn::Mul(scale, best_mean_code));
    LaneScaleOffset lattice{scale, offset};
    const VF same = hn::Mul(best_variance, hn::Set(d, kStarts.step()));
    const auto same_step =
        hn::Le(hn::Abs(hn::Sub(best_covariance, same)), hn::Mul(same, hn::Set(d, kSameStep)));
    if (HWY_UNLIKELY(!hn::AllFalse(d, same_step))) lattice = at_ends(lattice, same_step, unit);
    const LaneScaleOffset stored{f16_rounded(lattice.scale), f16_rounded(lattice.offset)};
    const VF coarse = hn::Max(hn::Set(d, kCoarseScale), hn::Mul(hn::Abs(stored.offset), hn::Set(d, 0x1p-8f)));
    const auto alive = hn::MaskFromVec(alive_);
    return {or_constant_group(alive, stored, center_), hn::And(alive, hn::Ge(stored.scale, coarse)),
            hn::Lt(range_, hn::Zero(d))};
  }

  /// The codes of elements i, i + 8, i + 16, i + 24 that belong to the fit.
  HWY_INLINE VS quads(std::size_t i) const { return upper_bits(hn::Add(bytes_[i], distance_)); }

 private:
  static constexpr std::size_t kCount = kStarts.size(), kQuads = kQuickWeights / 4;
  static constexpr float kReach = static_cast<float>(kStarts.reach());
  static_assert(kStarts.shifts.front() >= 1 && kStarts.shifts.back() <= (1 << kStarts.code_shift()) - 2);
  // So many sums of y * q fit into 16 bits.
  static constexpr std::size_t kRun = kStarts.bits == 4 ? 8 : 4;

  struct Sums {
    VS q, qq;
    VI yq;
  };
  static HWY_INLINE VS distance(std::size_t k) { return set_shorts(kStarts.distance(k) * 0x0101); }
  static HWY_INLINE VS upper_bits(VS bytes) {
    const hn::RebindToUnsigned<I16> du;
    const auto codes = hn::ShiftRight<kStarts.code_shift()>(hn::BitCast(du, bytes));
    return hn::And(hn::BitCast(I16(), codes), set_shorts(((1 << kStarts.bits) - 1) * 0x0101));
  }

  /// pq::at_ends() for some lanes.
  HWY_INLINE LaneScaleOffset at_ends(LaneScaleOffset fit, hn::Mask<F32> wanted, VF unit) const {
    const F32 d;
    const VF top = hn::Add(fit.offset, hn::Mul(fit.scale, hn::Set(d, kStarts.highest())));
    const auto near =
        hn::And(hn::Le(hn::Abs(hn::Sub(fit.offset, low_)), unit), hn::Le(hn::Abs(hn::Sub(top, high_)), unit));
    const VF step = hn::Mul(range_, hn::Set(d, 1.0f / kStarts.highest()));
    return {hn::IfThenElse(hn::And(wanted, near), step, fit.scale),
            hn::IfThenElse(hn::And(wanted, near), low_, fit.offset)};
  }

  template <bool kFar>
  HWY_INLINE void scan_moved(const float* x) {
    const F32 d;
    const VF factor = factor_, bias = hn::Sub(hn::Set(d, kRoundingMagic), base_);
    [[maybe_unused]] const VF moved = moved_;
    const auto pair = [&](std::size_t i) HWY_ATTR {
      const auto bits = [&](std::size_t element) HWY_ATTR {
        VF v = hn::Load(d, x + element * kLanes);
        if constexpr (kFar) v = hn::Sub(v, moved);
        return hn::BitCast(I32(), hn::Add(hn::Mul(v, factor), bias));
      };
      return hn::OddEven(shorts(hn::ShiftLeft<16>(bits(i + kPairs))), shorts(bits(i)));
    };
    VS sum_y = hn::Zero(I16());
    Sums sums[kCount];
    for (Sums& s : sums) s = {sum_y, sum_y, hn::Zero(I32())};
    for (std::size_t begin = 0; begin < kQuads; begin += kRun) {
      VS sum_yq[kCount];
      for (VS& sum : sum_yq) sum = hn::Zero(I16());
      for (std::size_t i = begin; i < begin + kRun; ++i) {
        const VS y = hn::Or(pair(i), hn::ShiftLeft<8>(pair(i + kQuads)));
        bytes_[i] = y;
        sum_y = hn::Add(sum_y, multiply_bytes(y, set_shorts(0x0101)));
        for (std::size_t k = 0; k < kCount; ++k) {
          const VS q = upper_bits(k == 0 ? y : hn::Add(y, distance(k)));
          sums[k].q = hn::Add(sums[k].q, q);
          sums[k].qq = hn::Add(sums[k].qq, multiply_bytes(q, q));
          sum_yq[k] = hn::Add(sum_yq[k], multiply_bytes(y, q));
        }
      }
      for (std::size_t k = 0; k < kCount; ++k) sums[k].yq = hn::Add(sums[k].yq, add_halves(sum_yq[k]));
    }
    sum_y_ = sum_y;
    for (std::size_t k = 0; k < kCount; ++k) {
      sums[k].q = multiply_bytes(sums[k].q, set_shorts(0x0101));
      sums_[k] = sums[k];
    }
  }

  VF low_, high_, range_, center_, alive_, factor_, moved_, base_;
  VS bytes_[kQuads], sum_y_, distance_;
  Sums sums_[kCount];
  bool any_far_;
};

}  // namespace pq::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif

#endif
