// The search for grids whose zero is a real number or an offset. Include rules as for codec/lanes-inl.hpp.

// clang-format off
#if defined(POLYQUANT_AFFINE_REAL_FIT_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef POLYQUANT_AFFINE_REAL_FIT_INL_HPP
#undef POLYQUANT_AFFINE_REAL_FIT_INL_HPP
#else
#define POLYQUANT_AFFINE_REAL_FIT_INL_HPP
#endif
// clang-format on

#include "affine/fit-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace pq::affine::HWY_NAMESPACE {

/// scale * code + offset before its numbers are stored.
struct LaneLine {
  VF scale, offset;
};

/// Largest magnitude of a real zero: what f16 holds.
constexpr float kLargestZero = 65504.0f;

/// The line in stored numbers.
HWY_INLINE LaneFit stored_line(LaneLine line, LaneGrid grid, AffineZero kind) {
  const F32 d;
  const VF scale = grid.stored(line.scale);
  if (kind == AffineZero::offset) return {scale, grid.stored(line.offset)};
  const VF limit = hn::Set(d, kLargestZero);
  return {scale, grid.stored(clamped(ratio_or_zero(hn::Neg(line.offset), scale), hn::Neg(limit), limit))};
}

/// Ends of the grid at the smallest and the largest weight; for real zeros that would be too large, the range extended to 0.
HWY_INLINE LaneFit plain_line(LaneRange range, LaneGrid grid, AffineZero kind) {
  const F32 d;
  const VF highest = hn::Set(d, grid.highest), zero = hn::Zero(d);
  const VF scale = hn::Div(hn::Sub(range.high, range.low), highest);
  const LaneFit tight = stored_line({scale, range.low}, grid, kind);
  if (kind == AffineZero::offset) return tight;
  const VF low = hn::Min(range.low, zero), high = hn::Max(range.high, zero);
  const LaneFit wide = stored_line({hn::Div(hn::Sub(high, low), highest), low}, grid, kind);
  const VF needed = hn::Max(hn::Abs(range.low), hn::Abs(range.high));
  const auto fits = hn::Lt(needed, hn::Mul(tight.scale, hn::Set(d, kLargestZero)));
  return {hn::IfThenElse(fits, tight.scale, wide.scale), hn::IfThenElse(fits, tight.zero, wide.zero)};
}

/// The weighted squared error of the decoded values; sums of w, w c, w c^2, w x and w x c for a refit.
struct LineError {
  VF error, c, cc, x, xc;
};

template <AffineZero kKind>
HWY_INLINE LineError line_error(Group group, LaneFit fit, VF highest) {
  const F32 d;
  const VF none = hn::Zero(d);
  LineError sums{none, none, none, none, none};
  for (std::size_t i = 0; i < group.count; ++i) {
    const VF x = hn::Load(d, group.x + i * kLanes), w = hn::Set(d, group.w[i]);
    VF code, value;
    if constexpr (kKind == AffineZero::offset) {
      code = clamped(hn::Round(ratio_or_zero(hn::Sub(x, fit.zero), fit.scale)), none, highest);
      value = hn::Add(hn::Mul(fit.scale, code), fit.zero);
    } else {
      code = clamped(hn::Round(hn::Add(ratio_or_zero(x, fit.scale), fit.zero)), none, highest);
      value = hn::Mul(fit.scale, hn::Sub(code, fit.zero));
    }
    const VF difference = hn::Sub(x, value), wc = hn::Mul(w, code);
    sums.error = hn::Add(sums.error, hn::Mul(hn::Mul(w, difference), difference));
    sums.c = hn::Add(sums.c, wc);
    sums.cc = hn::Add(sums.cc, hn::Mul(wc, code));
    sums.x = hn::Add(sums.x, hn::Mul(w, x));
    sums.xc = hn::Add(sums.xc, hn::Mul(wc, x));
  }
  return sums;
}

/// Weighted mean and 1 / deviation (0 if that is next to nothing).
struct Spread {
  float total;
  VF mean, inverse_deviation;
};
inline Spread spread_of(Group group) {
  const F32 d;
  float total = 0.0f;
  VF sum = hn::Zero(d), squares = hn::Zero(d);
  for (std::size_t i = 0; i < group.count; ++i) {
    total += group.w[i];
    sum = hn::Add(sum, hn::Mul(hn::Set(d, group.w[i]), hn::Load(d, group.x + i * kLanes)));
  }
  const VF mean = hn::Div(sum, hn::Set(d, total));
  for (std::size_t i = 0; i < group.count; ++i) {
    const VF x = hn::Sub(hn::Load(d, group.x + i * kLanes), mean);
    squares = hn::Add(squares, hn::Mul(hn::Mul(hn::Set(d, group.w[i]), x), x));
  }
  return {total, mean, hn::Sqrt(inverse_of(hn::Set(d, total), squares, kSmallestSquares))};
}

/// Candidates as lines through weights measured from their mean, codes measured from the middle: for given codes the best scale is
/// covariance / variance, and the error is then sum w x^2 - covariance^2 / variance.
class LineSearch {
 public:
  LineSearch(Group group, LaneGrid grid, Spread spread)
      : group_(group),
        middle_(hn::Set(F32(), grid.middle)),
        top_(hn::Set(F32(), grid.highest - grid.middle)),
        total_(hn::Set(F32(), spread.total)),
        mean_(spread.mean) {
    const F32 d;
    score_ = covariance_ = mean_code_ = hn::Zero(d);
    variance_ = hn::Set(d, 1.0f);
  }

  /// A candidate: q = x * inverse + shift.
  struct Candidate {
    VF inverse, shift;
  };

  template <class Candidates>
  HWY_INLINE void consider_all(std::size_t count, const Candidates& candidate) {
    constexpr std::size_t kBatch = 4;
    for (std::size_t begin = 0; begin < count; begin += kBatch) {
      Candidate tried[kBatch];
      for (std::size_t k = 0; k < kBatch; ++k) tried[k] = candidate(HWY_MIN(begin + k, count - 1));
      consider(tried);
    }
  }

  HWY_INLINE void refine() {
    const Candidate tried[1] = {{ratio_or_zero(variance_, covariance_), mean_code_}};
    consider(tried);
  }

  HWY_INLINE LaneLine line() const {
    const VF scale = hn::Div(covariance_, variance_);
    return {scale, hn::Sub(mean_, hn::Mul(scale, hn::Add(mean_code_, middle_)))};
  }

 private:
  template <std::size_t kBatch>
  HWY_INLINE void consider(const Candidate (&tried)[kBatch]) {
    const F32 d;
    VF sum_q[kBatch], sum_qq[kBatch], sum_xq[kBatch];
    for (std::size_t k = 0; k < kBatch; ++k) sum_q[k] = sum_qq[k] = sum_xq[k] = hn::Zero(d);
    const VF bottom = hn::Neg(middle_);
    for (std::size_t i = 0; i < group_.count; ++i) {
      const VF x = hn::Sub(hn::Load(d, group_.x + i * kLanes), mean_), w = hn::Set(d, group_.w[i]);
      for (std::size_t k = 0; k < kBatch; ++k) {
        const VF q = clamped(hn::Round(hn::Add(hn::Mul(x, tried[k].inverse), tried[k].shift)), bottom, top_);
        const VF wq = hn::Mul(w, q);
        sum_q[k] = hn::Add(sum_q[k], wq);
        sum_qq[k] = hn::Add(sum_qq[k], hn::Mul(wq, q));
        sum_xq[k] = hn::Add(sum_xq[k], hn::Mul(wq, x));
      }
    }
    for (std::size_t k = 0; k < kBatch; ++k) keep(sum_q[k], sum_qq[k], sum_xq[k]);
  }

  HWY_INLINE void keep(VF sum_q, VF sum_qq, VF covariance) {
    const VF mean_code = hn::Div(sum_q, total_), variance = hn::Sub(sum_qq, hn::Mul(sum_q, mean_code));
    const VF score = divide_or_zero(hn::Mul(covariance, covariance), variance);
    const auto better = hn::Gt(score, score_);
    score_ = hn::IfThenElse(better, score, score_);
    covariance_ = hn::IfThenElse(better, covariance, covariance_);
    variance_ = hn::IfThenElse(better, variance, variance_);
    mean_code_ = hn::IfThenElse(better, mean_code, mean_code_);
  }

  Group group_;
  VF middle_, top_, total_, mean_, score_, covariance_, variance_, mean_code_;
};

inline LaneLine best_line(Group group, LaneRange range, LaneGrid grid, const Starts& starts, Spread spread) {
  const F32 d;
  LineSearch search(group, grid, spread);
  const VF highest = hn::Set(d, grid.highest), middle = hn::Set(d, grid.middle);
  const VF width = hn::Sub(range.high, range.low);
  const std::size_t side = starts.shares.size(), pairs = side * side;
  search.consider_all(pairs + starts.rms_codes.size(), [&](std::size_t i) HWY_ATTR {
    if (i >= pairs) {
      const VF code = hn::Set(d, starts.rms_codes[i - pairs]);
      return LineSearch::Candidate{hn::Mul(code, spread.inverse_deviation), hn::Set(d, -0.5f)};
    }
    // Both ends move inwards by half of what is missing from the whole.
    const VF cut = hn::Mul(width, hn::Set(d, 0.5f - 0.5f * starts.shares[i / side])),
             other = hn::Mul(width, hn::Set(d, 0.5f - 0.5f * starts.shares[i % side]));
    const VF bottom = hn::Add(range.low, cut), top = hn::Sub(range.high, other);
    const VF inverse = inverse_of(highest, hn::Sub(top, bottom), kSmallestRange);
    return LineSearch::Candidate{inverse,
                                 hn::Neg(hn::Add(hn::Mul(hn::Sub(bottom, spread.mean), inverse), middle))};
  });
  for (int round = 0; round < starts.refinements; ++round) search.refine();
  return search.line();
}

template <AffineZero kKind>
LaneFit search_real(Group group, LaneRange range, LaneGrid grid, const Starts& starts) {
  const F32 d;
  const VF highest = hn::Set(d, grid.highest);
  const Spread spread = spread_of(group);
  const VF total = hn::Set(d, spread.total);

  // With stored numbers: the plain range; as found, and both refitted to the codes that those give; what rounding takes from an
  // offset that all share goes into the scale, with code 1.
  LaneBest best{plain_line(range, grid, kKind), {}};
  best.error = line_error<kKind>(group, best.fit, highest).error;
  LaneFit fit = stored_line(best_line(group, range, grid, starts, spread), grid, kKind);
  for (int round = 0; round < 3; ++round) {
    const LineError sums = line_error<kKind>(group, fit, highest);
    best.keep(fit, sums.error);
    const VF mean_code = hn::Div(sums.c, total);
    const VF variance = hn::Sub(sums.cc, hn::Mul(sums.c, mean_code)),
             covariance = hn::Sub(sums.xc, hn::Mul(sums.x, mean_code));
    const VF scale = divide_or_zero(covariance, variance);
    fit = stored_line({scale, hn::Div(hn::Sub(sums.x, hn::Mul(scale, sums.c)), total)}, grid, kKind);
  }
  if constexpr (kKind == AffineZero::offset) {
    const VF offset = grid.stored(spread.mean);
    fit = {grid.stored(hn::Sub(spread.mean, offset)), offset};
    best.keep(fit, line_error<kKind>(group, fit, highest).error);
  }
  return best.fit;
}

}  // namespace pq::affine::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
