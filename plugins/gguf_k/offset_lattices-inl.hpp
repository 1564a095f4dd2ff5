// Groups of super-blocks with minima: real lattices (step 1 of offset_super-inl.hpp). Include rules as for codec/lanes-inl.hpp.

// clang-format off
#if defined(POLYQUANT_GGUF_K_OFFSET_LATTICES_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef POLYQUANT_GGUF_K_OFFSET_LATTICES_INL_HPP
#undef POLYQUANT_GGUF_K_OFFSET_LATTICES_INL_HPP
#else
#define POLYQUANT_GGUF_K_OFFSET_LATTICES_INL_HPP
#endif
// clang-format on

#include "offset_groups-inl.hpp"

#include <cmath>

HWY_BEFORE_NAMESPACE();
namespace pq::gguf::HWY_NAMESPACE {

/// The best scale and offset <= 0 for given codes, and by how much they lower the error. `step`: the scale that the codes come from, kept
/// if they are all the same.
HWY_INLINE Lattice fit_lattice(const OffsetSums& sums, VF total, VF sum, VF step, VF& gain) {
  const F32 d;
  const VF zero = hn::Zero(d);
  const VF determinant = hn::Sub(hn::Mul(total, sums.qq), hn::Mul(sums.q, sums.q));
  // Codes that are all the same leave a determinant of rounding errors.
  const VF least = hn::Mul(hn::Mul(total, sums.qq), hn::Set(d, 1e-5f));
  const auto flat = hn::Le(determinant, least);
  VF scale = divide_or_zero(hn::Sub(hn::Mul(total, sums.xq), hn::Mul(sum, sums.q)), determinant);
  VF offset = divide_or_zero(hn::Sub(hn::Mul(sums.qq, sum), hn::Mul(sums.q, sums.xq)), determinant);
  scale = hn::IfThenElse(flat, step, scale);
  offset = hn::IfThenElse(flat, divide_or_zero(hn::Sub(sum, hn::Mul(step, sums.q)), total), offset);
  const auto above = hn::Gt(offset, zero);
  offset = hn::IfThenZeroElse(above, offset);
  scale = hn::IfThenElse(above, divide_or_zero(sums.xq, sums.qq), scale);
  gain = hn::Add(hn::Mul(scale, sums.xq), hn::Mul(offset, sum));
  const VF squares = hn::Add(hn::Mul(scale, hn::Add(hn::Mul(scale, sums.qq), hn::Mul(offset, sums.q))),
                             hn::Mul(offset, hn::Add(hn::Mul(scale, sums.q), hn::Mul(offset, total))));
  gain = hn::IfThenElse(hn::AndNot(above, flat), hn::Sub(hn::Add(gain, gain), squares), gain);
  return {scale, offset};
}

/// The range of a group with its ends moved, and 0 inside it.
template <class Codec>
HWY_INLINE LaneRange cut_range(const OffsetGroups<Codec>& groups, std::size_t c, VF step, RangeCut cut) {
  const F32 d;
  const VF zero = hn::Zero(d), low_step = hn::Mul(step, hn::Set(d, cut.low)),
           high_step = hn::Mul(step, hn::Set(d, cut.high));
  if (cut.low <= 0.0f && cut.high <= 0.0f)
    return {hn::Add(hn::Min(groups.low.load(c), zero), low_step), hn::Sub(groups.high.load(c), high_step)};
  const float *x = groups.x.at[c], *reach = groups.weights->reach.at[c];
  LaneRange range{hn::Set(d, kLargestPeak), hn::Set(d, -kLargestPeak)};
  for (std::size_t i = 0; i < Codec::kGroup; ++i) {
    const VF xi = hn::Load(d, x + i * kLanes), far = hn::Load(d, reach + i * kLanes);
    range = {hn::Min(range.low, hn::Add(xi, hn::Mul(low_step, far))),
             hn::Max(range.high, hn::Sub(xi, hn::Mul(high_step, far)))};
  }
  // An end that moves outwards does so by the step alone: a weight that does not count would take it anywhere.
  if (cut.low <= 0.0f) range.low = hn::Add(hn::Min(groups.low.load(c), zero), low_step);
  if (cut.high <= 0.0f) range.high = hn::Sub(groups.high.load(c), high_step);
  return {hn::Min(range.low, zero), range.high};
}

/// Errors that differ by less than this share of the squares are the same: of lattices that fit exactly the first one is kept, so that the
/// groups of a super-block agree.
constexpr float kSameFit = 0x1p-21f;

/// The best lattice of each group of a chunk so far.
struct BestLattice {
  VF gain;
  Lattice lattice;
};

/// Tries the codes that `range` gives, refitted.
template <class Codec>
HWY_INLINE void try_range(const OffsetGroups<Codec>& groups, std::size_t c, LaneRange range, VF margin,
                          BestLattice& best) {
  const F32 d;
  const VF span = hn::Sub(range.high, range.low);
  const auto usable = hn::Gt(span, hn::Set(d, kSmallestPeak));
  const VF inverse = hn::Div(hn::Set(d, Codec::kMaxCode), hn::IfThenElse(usable, span, hn::Set(d, 1.0f)));
  const OffsetSums sums = code_sums<Codec>(groups.x.at[c], groups.weights->w.at[c], inverse,
                                           hn::Mul(hn::Neg(range.low), inverse));
  VF gain;
  const Lattice fit = fit_lattice(sums, groups.weights->total.load(c), groups.sum.load(c),
                                  hn::Div(hn::Set(d, 1.0f), inverse), gain);
  const auto better =
      hn::And(hn::And(usable, hn::Gt(fit.scale, hn::Zero(d))), hn::Gt(gain, hn::Add(best.gain, margin)));
  best.gain = hn::IfThenElse(better, gain, best.gain);
  best.lattice = {hn::IfThenElse(better, fit.scale, best.lattice.scale),
                  hn::IfThenElse(better, fit.offset, best.lattice.offset)};
}

/// Squared errors of a chunk's groups with these numbers.
template <class Codec>
HWY_INLINE VF lattice_errors(const OffsetGroups<Codec>& groups, std::size_t c, const Lattice& lattice) {
  const F32 d;
  const VF inverse = inverses_or_zero(lattice.scale), highest = hn::Set(d, Codec::kMaxCode);
  VF error = hn::Zero(d);
  for (std::size_t i = 0; i < Codec::kGroup; ++i) {
    const VF x = hn::Sub(hn::Load(d, groups.x.at[c] + i * kLanes), lattice.offset);
    const VF r = hn::Sub(x, hn::Mul(lattice.scale, nearest_codes(x, inverse, hn::Zero(d), highest)));
    error = hn::Add(error, hn::Mul(hn::Mul(hn::Load(d, groups.weights->w.at[c] + i * kLanes), r), r));
  }
  return error;
}

/// Ends of the range between weights that count, from one step outside to far inside, whatever weights lie there.
template <class Codec>
HWY_NOINLINE void try_ends(const OffsetGroups<Codec>& groups, std::size_t c, int count, VF margin,
                           BestLattice& best) {
  const F32 d;
  const VF zero = hn::Zero(d), farthest = hn::Set(d, kFarthestReach);
  LaneRange range{zero, zero};
  for (std::size_t i = 0; i < Codec::kGroup; ++i) {
    const auto counts = hn::Le(hn::Load(d, groups.weights->reach.at[c] + i * kLanes), farthest);
    const VF x = hn::IfThenElseZero(counts, hn::Load(d, groups.x.at[c] + i * kLanes));
    range = {hn::Min(range.low, x), hn::Max(range.high, x)};
  }
  const VF step = hn::Mul(hn::Sub(range.high, range.low), hn::Set(d, kEndStep));
  for (int i = -1; i < count - 1; ++i) {
    const VF low = hn::Min(hn::Add(range.low, hn::Mul(step, hn::Set(d, static_cast<float>(i)))), zero);
    for (int j = -1; j < count - 1; ++j)
      try_range(groups, c, {low, hn::Sub(range.high, hn::Mul(step, hn::Set(d, static_cast<float>(j))))},
                margin, best);
  }
}

/// Weights on a grid of their own: all numbers of steps between the ends that have no double among the codes, as they are (sums for a fit are
/// not exact enough here). Of those that fit equally well the finest is kept, so that the groups of a super-block agree.
template <class Codec>
HWY_NOINLINE void try_grids(const OffsetGroups<Codec>& groups, std::size_t c, BestLattice& best) {
  const F32 d;
  const LaneRange range = cut_range(groups, c, hn::Zero(d), {0.0f, 0.0f});
  const VF span = hn::Sub(range.high, range.low), squares = groups.squares.load(c);
  GroupValues on_grid;
  for (std::size_t g = 0; g < kBatchGroups; ++g)
    on_grid.at[g] = groups.on_grid[g / OffsetGroups<Codec>::kPerSuper] ? 1.0f : 0.0f;
  const auto allowed = hn::And(hn::Gt(on_grid.load(c), hn::Zero(d)), hn::Gt(span, hn::Set(d, kSmallestPeak)));
  const VF margin = hn::Mul(squares, hn::Set(d, kSameFit));
  Lattice grid{hn::Mul(span, hn::Set(d, 1.0f / Codec::kMaxCode)), range.low};
  VF error = lattice_errors(groups, c, grid);
  for (int steps = Codec::kMaxCode - 1; steps > Codec::kMaxCode / 2; --steps) {
    const Lattice other{hn::Div(span, hn::Set(d, static_cast<float>(steps))), range.low};
    const VF other_error = lattice_errors(groups, c, other);
    const auto better = hn::Lt(other_error, hn::Sub(error, margin));
    error = hn::IfThenElse(better, other_error, error);
    grid.scale = hn::IfThenElse(better, other.scale, grid.scale);
  }
  const auto better =
      hn::And(allowed, hn::Le(error, hn::Add(lattice_errors(groups, c, best.lattice), margin)));
  best.gain = hn::IfThenElse(better, hn::Sub(squares, error), best.gain);
  best.lattice.scale = hn::IfThenElse(better, grid.scale, best.lattice.scale);
  best.lattice.offset = hn::IfThenElse(better, grid.offset, best.lattice.offset);
}

/// Step 1.
template <class Codec>
HWY_INLINE void find_lattices(const OffsetGroups<Codec>& groups, const OffsetSearch& search,
                              GroupLattices& found) {
  const F32 d;
  const VF zero = hn::Zero(d);
  for (std::size_t c = 0; c < kChunks; ++c) {
    const VF width = hn::Sub(groups.high.load(c), hn::Min(groups.low.load(c), zero));
    const VF step = hn::Mul(width, hn::Set(d, 1.0f / (Codec::kMaxCode + 1)));
    // Without positive weights and without spread: only an offset.
    const VF sum = groups.sum.load(c), squares = groups.squares.load(c),
             total = groups.weights->total.load(c);
    const VF mean = divide_or_zero(sum, total), offset = hn::Min(mean, zero);
    BestLattice best{hn::Mul(offset, hn::Sub(hn::Add(sum, sum), hn::Mul(offset, total))), {zero, offset}};
    const VF margin = hn::Mul(squares, hn::Set(d, kSameFit));
    for (const RangeCut cut : search.cuts)
      try_range(groups, c, cut_range(groups, c, step, cut), margin, best);
    // Around the weighted mean: a range in which weights that do not count have no say.
    const VF variance = hn::Max(hn::Sub(divide_or_zero(squares, total), hn::Mul(mean, mean)), zero);
    const VF reach = hn::Mul(hn::Sqrt(variance), hn::Set(d, search.deviations));
    try_range(groups, c, {hn::Min(hn::Sub(mean, reach), zero), hn::Add(mean, reach)}, margin, best);
    if (HWY_UNLIKELY(search.ends > 0)) try_ends(groups, c, search.ends, margin, best);
    if (HWY_UNLIKELY(groups.on_grid[0] || groups.on_grid[1])) try_grids(groups, c, best);
    found.error.store(c, hn::Sub(squares, best.gain));
    found.scale.store(c, best.lattice.scale);
    found.offset.store(c, best.lattice.offset);
  }
}

}  // namespace pq::gguf::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
