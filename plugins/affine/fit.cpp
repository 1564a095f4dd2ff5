#include "affine/kernels.hpp"

#include <polyquant/codec/scale_search.hpp>

#include <hwy/aligned_allocator.h>

#include <new>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "affine/fit.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "affine/real_fit-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace pq::affine::HWY_NAMESPACE {

/// Rows in lanes; those beyond the last repeat it.
struct RowsInLanes {
  const float* first;
  std::size_t stride, last;
  HWY_INLINE const float* operator[](std::size_t lane) const { return first + HWY_MIN(lane, last) * stride; }
};

/// Loads a group, finite, and returns its range.
LaneRange load_rows(RowsInLanes rows, std::size_t count, float* x) {
  const F32 d;
  const VF limit = hn::Set(d, kLargestPeak);
  const std::size_t whole = count / 4 * 4;
  load_groups(rows, whole, x);
  for (std::size_t i = whole; i < count; ++i)
    for (std::size_t lane = 0; lane < kLanes; ++lane) x[i * kLanes + lane] = rows[lane][i];
  for (std::size_t i = 0; i < count; ++i)
    hn::Store(finite_weights(hn::Load(d, x + i * kLanes), limit), d, x + i * kLanes);
  return group_range(x, count);
}

/// Ends of the grid at the smallest and the largest weight, both extended to 0.
LaneFit plain_range(LaneRange range, LaneGrid grid, bool symmetric) {
  const F32 d;
  const VF zero = hn::Zero(d), highest = hn::Set(d, grid.highest);
  const VF low = hn::Min(range.low, zero), high = hn::Max(range.high, zero);
  if (symmetric) {
    const VF magnitude = hn::Max(hn::Neg(low), high);
    return {grid.stored(hn::Div(hn::Add(magnitude, magnitude), highest)), hn::Set(d, grid.middle)};
  }
  const VF scale = grid.stored(hn::Div(hn::Sub(high, low), highest));
  return {scale, clamped(hn::Round(ratio_or_zero(hn::Neg(low), scale)), zero, highest)};
}

/// 1 / the weighted root mean square; 0 if that is next to nothing.
VF inverse_rms(Group group) {
  const F32 d;
  float total = 0.0f;
  VF squares = hn::Zero(d);
  for (std::size_t i = 0; i < group.count; ++i) {
    const VF x = hn::Load(d, group.x + i * kLanes);
    total += group.w[i];
    squares = hn::Add(squares, hn::Mul(hn::Mul(hn::Set(d, group.w[i]), x), x));
  }
  return hn::Sqrt(inverse_of(hn::Set(d, total), squares, kSmallestSquares));
}

void consider_symmetric(IntegerSearch& search, Group group, LaneRange range, LaneGrid grid,
                        const Starts& starts) {
  const F32 d;
  const VF inverse_peak = inverse_of(hn::Set(d, grid.middle), range.peak(), kSmallestRange);
  const VF by_rms = inverse_rms(group), middle = hn::Set(d, grid.middle);
  // A scale may be negative: the code -2^(bits - 1) has no positive twin.
  const std::size_t peaks = 2 * starts.shares.size(), count = peaks + 2 * starts.rms_codes.size();
  search.consider_all(count, [&](std::size_t i) HWY_ATTR {
    const float sign = i % 2 == 0 ? -1.0f : 1.0f;
    if (i < peaks) return LaneFit{hn::Mul(hn::Set(d, sign / starts.shares[i / 2]), inverse_peak), middle};
    return LaneFit{hn::Mul(hn::Set(d, sign * starts.rms_codes[(i - peaks) / 2]), by_rms), middle};
  });
}

void consider_asymmetric(IntegerSearch& search, Group group, LaneRange range, LaneGrid grid,
                         const Starts& starts) {
  const F32 d;
  const VF zero = hn::Zero(d), highest = hn::Set(d, grid.highest), middle = hn::Set(d, grid.middle);
  const VF low = hn::Min(range.low, zero), high = hn::Max(range.high, zero), by_rms = inverse_rms(group);
  const std::size_t side = starts.shares.size(), pairs = side * side;
  search.consider_all(pairs + starts.rms_codes.size(), [&](std::size_t i) HWY_ATTR {
    if (i >= pairs) return LaneFit{hn::Mul(hn::Set(d, starts.rms_codes[i - pairs]), by_rms), middle};
    const VF bottom = hn::Mul(low, hn::Set(d, starts.shares[i / side])),
             top = hn::Mul(high, hn::Set(d, starts.shares[i % side]));
    const VF inverse = inverse_of(highest, hn::Sub(top, bottom), kSmallestRange);
    return LaneFit{inverse, clamped(hn::Round(hn::Neg(hn::Mul(bottom, inverse))), zero, highest)};
  });
}

/// The best scale of the best codes, nearest codes again; zeros beside the best one.
void refine(IntegerSearch& search, LaneGrid grid, bool symmetric, const Starts& starts) {
  const F32 d;
  const VF highest = hn::Set(d, grid.highest);
  const auto again = [&] HWY_ATTR {
    const LaneFit tried[1] = {{search.inverse(), search.zero()}};
    search.consider(tried);
  };
  for (int round = 0; round < starts.refinements; ++round) again();
  if (symmetric) return;
  for (int move = 1; move <= starts.zero_reach; ++move) {
    const VF by = hn::Set(d, static_cast<float>(move)), inverse = search.inverse(), zero = search.zero();
    const LaneFit tried[2] = {{inverse, hn::Max(hn::Sub(zero, by), hn::Zero(d))},
                              {inverse, hn::Min(hn::Add(zero, by), highest)}};
    search.consider(tried);
  }
  again();
}

/// A group that fits its grid except for the rounding of the scale (one value, or one magnitude) can be stored with any code for its peak: the
/// one whose scale rounding hurts least.
HWY_NOINLINE void try_peak_codes(Group group, LaneRange range, LaneGrid grid, LaneBest& best) {
  const F32 d;
  VF squares = hn::Zero(d);
  for (std::size_t i = 0; i < group.count; ++i) {
    const VF x = hn::Load(d, group.x + i * kLanes);
    squares = hn::Add(squares, hn::Mul(hn::Mul(hn::Set(d, group.w[i]), x), x));
  }
  const auto fits =
      hn::And(hn::Gt(best.error, hn::Zero(d)), hn::Le(best.error, hn::Mul(squares, hn::Set(d, kExactFit))));
  if (HWY_LIKELY(hn::AllFalse(d, fits))) return;
  const VF highest = hn::Set(d, grid.highest), peak = range.peak(), zero = best.fit.zero;
  for (float code = 0.0f; code <= grid.highest; code += 1.0f) {
    const VF level = hn::Sub(hn::Set(d, code), zero);
    const LaneFit fit{grid.stored(ratio_or_zero(peak, level)), zero};
    const VF error = integer_error(group, fit, highest).error;
    best.keep(fit, hn::IfThenElse(fits, error, best.error));
  }
}

LaneFit search_integer(Group group, LaneRange range, LaneGrid grid, bool symmetric, const Starts& starts) {
  const F32 d;
  const VF highest = hn::Set(d, grid.highest);
  IntegerSearch search(group, grid);
  if (symmetric)
    consider_symmetric(search, group, range, grid, starts);
  else
    consider_asymmetric(search, group, range, grid, starts);
  refine(search, grid, symmetric, starts);

  // From here on with stored numbers: the plain range; as found; twice with the scale refitted to the codes that the stored one gives.
  LaneBest best{plain_range(range, grid, symmetric), {}};
  best.error = integer_error(group, best.fit, highest).error;
  LaneFit fit{grid.stored(search.scale()), symmetric ? hn::Set(d, grid.middle) : search.zero()};
  for (int round = 0; round < 3; ++round) {
    const LaneError found = integer_error(group, fit, highest);
    best.keep(fit, found.error);
    fit.scale = grid.stored(divide_or_zero(found.a, found.b));
  }
  try_peak_codes(group, range, grid, best);
  return best.fit;
}

LaneFit fit_lanes(Group group, LaneRange range, LaneGrid grid, const Starts* starts, AffineZero kind) {
  const bool symmetric = kind == AffineZero::none, whole = symmetric || kind == AffineZero::integer;
  if (starts == nullptr) return whole ? plain_range(range, grid, symmetric) : plain_line(range, grid, kind);
  if (whole) return search_integer(group, range, grid, symmetric, *starts);
  if (kind == AffineZero::real) return search_real<AffineZero::real>(group, range, grid, *starts);
  return search_real<AffineZero::offset>(group, range, grid, *starts);
}

void fit_rows(const FitCall& call) {
  const F32 d;
  const AffineRows& layout = *call.layout;
  const LaneGrid grid{layout.scale_type(), static_cast<float>(layout.max_code()),
                      static_cast<float>(1 << (layout.bits() - 1))};
  const Starts starts = make_starts(layout.bits(), layout.zero_kind() == AffineZero::none, call.effort);
  const auto count = static_cast<std::size_t>(call.weights.cols);
  const auto x = hwy::AllocateAligned<float>(count * kLanes);
  if (x == nullptr) throw std::bad_alloc();
  HWY_ALIGN float scales[kLanes], zeros[kLanes];
  const auto rows = static_cast<std::size_t>(call.weights.rows),
             stride = static_cast<std::size_t>(call.weights.stride);
  for (std::size_t first = 0; first < rows; first += kLanes) {
    const std::size_t used = HWY_MIN(kLanes, rows - first);
    const LaneRange range = load_rows({call.weights.data + first * stride, stride, used - 1}, count, x.get());
    const LaneFit fit = fit_lanes({x.get(), call.importance, count}, range, grid,
                                  call.effort == Effort::fast ? nullptr : &starts, layout.zero_kind());
    // The sign of a zero depends on the instruction set; adding 0 makes it +.
    hn::Store(hn::Add(fit.scale, hn::Zero(d)), d, scales);
    hn::Store(hn::Add(fit.zero, hn::Zero(d)), d, zeros);
    for (std::size_t lane = 0; lane < used; ++lane) call.fits[first + lane] = {scales[lane], zeros[lane]};
  }
}

}  // namespace pq::affine::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace pq::affine {
HWY_EXPORT(fit_rows);
void fit_group(const FitCall& call) { HWY_DYNAMIC_DISPATCH(fit_rows)(call); }
}  // namespace pq::affine
#endif
