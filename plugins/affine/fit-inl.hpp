// Least squares over groups in lanes: lane = row, so all lanes have the same importance. Include rules as for codec/lanes-inl.hpp.

// clang-format off
#if defined(POLYQUANT_AFFINE_FIT_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef POLYQUANT_AFFINE_FIT_INL_HPP
#undef POLYQUANT_AFFINE_FIT_INL_HPP
#else
#define POLYQUANT_AFFINE_FIT_INL_HPP
#endif
// clang-format on

#include "affine/search.hpp"

#include <polyquant/codec/affine_rows.hpp>
#include <polyquant/codec/lanes-inl.hpp>

HWY_BEFORE_NAMESPACE();
namespace pq::affine::HWY_NAMESPACE {
using namespace pq::HWY_NAMESPACE;

/// Element i of all rows at x + i * kLanes, its importance at w[i].
struct Group {
  const float* x;
  const float* w;
  std::size_t count;
};

/// Stored numbers.
struct LaneFit {
  VF scale, zero;
};

/// The better of two fits for each lane.
struct LaneBest {
  LaneFit fit;
  VF error;
  HWY_INLINE void keep(LaneFit other, VF other_error) {
    const auto better = hn::Lt(other_error, error);
    error = hn::IfThenElse(better, other_error, error);
    fit = {hn::IfThenElse(better, other.scale, fit.scale), hn::IfThenElse(better, other.zero, fit.zero)};
  }
};

/// What a grid allows.
struct LaneGrid {
  AffineScale type;
  float highest;  // code
  float middle;   // zero of a symmetric grid

  /// As a stored scale: the nearest number of its type, finite.
  HWY_INLINE VF stored(VF value) const {
    if (type == AffineScale::f32) return value;
    if (type == AffineScale::f16) return f16_rounded(value);
    const U32 du;  // bf16: the upper half, to nearest even
    const VU bits = hn::BitCast(du, value), odd = hn::And(hn::ShiftRight<16>(bits), hn::Set(du, 1u));
    const VU rounded = hn::Add(hn::Add(bits, hn::Set(du, 0x7FFFu)), odd);
    return hn::BitCast(F32(), hn::And(rounded, hn::Set(du, 0xFFFF0000u)));
  }
};

/// Groups and sums below these are left to the plain range: products with their inverses would leave f32.
constexpr float kSmallestRange = 0x1p-60f, kSmallestSquares = 0x1p-100f;

/// a / b, and 0 where the magnitude of b is below `least`.
HWY_INLINE VF inverse_of(VF a, VF b, float least) {
  const F32 d;
  const auto usable = hn::Ge(hn::Abs(b), hn::Set(d, least));
  return hn::IfThenElseZero(usable, hn::Div(a, hn::IfThenElse(usable, b, hn::Set(d, 1.0f))));
}

/// a / b, and 0 where b is 0.
HWY_INLINE VF ratio_or_zero(VF a, VF b) {
  const F32 d;
  const auto zero = hn::Eq(b, hn::Zero(d));
  return hn::IfThenZeroElse(zero, hn::Div(a, hn::IfThenElse(zero, hn::Set(d, 1.0f), b)));
}

HWY_INLINE VF clamped(VF x, VF lowest, VF highest) { return hn::Min(hn::Max(x, lowest), highest); }

/// The weighted squared error of the decoded values, and the sums of a refit: sum w x q and sum w q^2, q measured from the zero.
struct LaneError {
  VF error, a, b;
};

HWY_INLINE LaneError integer_error(Group group, LaneFit fit, VF highest) {
  const F32 d;
  LaneError sums{hn::Zero(d), hn::Zero(d), hn::Zero(d)};
  const VF least = hn::Neg(fit.zero), most = hn::Sub(highest, fit.zero);
  for (std::size_t i = 0; i < group.count; ++i) {
    const VF x = hn::Load(d, group.x + i * kLanes), w = hn::Set(d, group.w[i]);
    const VF q = clamped(hn::Round(ratio_or_zero(x, fit.scale)), least, most);
    const VF difference = hn::Sub(x, hn::Mul(fit.scale, q)), wq = hn::Mul(w, q);
    sums.error = hn::Add(sums.error, hn::Mul(hn::Mul(w, difference), difference));
    sums.a = hn::Add(sums.a, hn::Mul(wq, x));
    sums.b = hn::Add(sums.b, hn::Mul(wq, q));
  }
  return sums;
}

/// Candidates whose zero is a code: for given codes the best scale is a / b, and the error is then sum w x^2 - a^2 / b.
class IntegerSearch {
 public:
  IntegerSearch(Group group, LaneGrid grid) : group_(group), highest_(hn::Set(F32(), grid.highest)) {
    const F32 d;
    score_ = a_ = zero_ = hn::Zero(d);
    b_ = hn::Set(d, 1.0f);
  }

  /// candidate(i): {inverse scale, zero} for i < count.
  template <class Candidate>
  HWY_INLINE void consider_all(std::size_t count, const Candidate& candidate) {
    constexpr std::size_t kBatch = 4;  // they share the loads and hide each other's latency
    for (std::size_t begin = 0; begin < count; begin += kBatch) {
      LaneFit tried[kBatch];
      // The last batch repeats its last candidate; a repeated score is not better, so it changes nothing.
      for (std::size_t k = 0; k < kBatch; ++k) tried[k] = candidate(HWY_MIN(begin + k, count - 1));
      consider(tried);
    }
  }

  HWY_INLINE VF scale() const { return hn::Div(a_, b_); }
  HWY_INLINE VF inverse() const { return ratio_or_zero(b_, a_); }
  HWY_INLINE VF zero() const { return zero_; }

  template <std::size_t kBatch>
  HWY_INLINE void consider(const LaneFit (&tried)[kBatch]) {
    const F32 d;
    VF a[kBatch], b[kBatch], least[kBatch], most[kBatch];
    for (std::size_t k = 0; k < kBatch; ++k) {
      a[k] = b[k] = hn::Zero(d);
      least[k] = hn::Neg(tried[k].zero);
      most[k] = hn::Sub(highest_, tried[k].zero);
    }
    for (std::size_t i = 0; i < group_.count; ++i) {
      const VF x = hn::Load(d, group_.x + i * kLanes), w = hn::Set(d, group_.w[i]);
      for (std::size_t k = 0; k < kBatch; ++k) {
        const VF q = clamped(hn::Round(hn::Mul(x, tried[k].scale)), least[k], most[k]);
        const VF wq = hn::Mul(w, q);
        a[k] = hn::Add(a[k], hn::Mul(wq, x));
        b[k] = hn::Add(b[k], hn::Mul(wq, q));
      }
    }
    for (std::size_t k = 0; k < kBatch; ++k) {
      const VF score = divide_or_zero(hn::Mul(a[k], a[k]), b[k]);
      const auto better = hn::Gt(score, score_);
      score_ = hn::IfThenElse(better, score, score_);
      a_ = hn::IfThenElse(better, a[k], a_);
      b_ = hn::IfThenElse(better, b[k], b_);
      zero_ = hn::IfThenElse(better, tried[k].zero, zero_);
    }
  }

 private:
  Group group_;
  VF highest_, score_, a_, b_, zero_;
};

}  // namespace pq::affine::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
