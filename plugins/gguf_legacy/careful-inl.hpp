// careful.hpp for the blocks of a batch that need it. Include rules as for codec/lanes-inl.hpp.

// clang-format off
#if defined(POLYQUANT_GGUF_LEGACY_CAREFUL_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef POLYQUANT_GGUF_LEGACY_CAREFUL_INL_HPP
#undef POLYQUANT_GGUF_LEGACY_CAREFUL_INL_HPP
#else
#define POLYQUANT_GGUF_LEGACY_CAREFUL_INL_HPP
#endif
// clang-format on

#include "careful.hpp"

#include <polyquant/codec/quick_search-inl.hpp>

#include <algorithm>
#include <iterator>

#if HWY_TARGET != HWY_SCALAR  // there the plain loops serve
HWY_BEFORE_NAMESPACE();
namespace pq::gguf::HWY_NAMESPACE {
using namespace pq::HWY_NAMESPACE;

/// Whether a block may need a second look after a search in stages, with little work.
template <class Codec>
HWY_INLINE bool may_need_look(LaneRange range, const LaneQuickFit& fit) {
  const F32 d;
  if (!hn::AllTrue(d, fit.keeps_codes)) return true;
  if constexpr (Codec::kHasOffset) return false;
  const VF zero = hn::Zero(d);
  auto unusual = fit.fits;
  if constexpr (Codec::kCodeBits < 8)
    unusual = hn::Or(unusual, hn::Or(hn::Ge(range.low, zero), hn::Le(range.high, zero)));
  return !hn::AllFalse(d, unusual);
}

/// The lanes for which look_again_at() would look again, or more.
template <class Codec>
HWY_INLINE hn::Mask<F32> needs_look(const float* x, const float* w, LaneRange range, Effort effort,
                                    const LaneQuickFit& fit) {
  const F32 d;
  const VF zero = hn::Zero(d);
  const auto alive = hn::Ge(hn::Max(hn::Neg(range.low), range.high), hn::Set(d, kSmallestPeak));
  if constexpr (Codec::kCodeBits == 8) return hn::And(alive, hn::Or(hn::Not(fit.keeps_codes), fit.fits));
  auto needed = hn::Or(fit.fits, hn::Lt(hn::Abs(fit.stored.scale), hn::Set(d, kCoarseScale)));
  if constexpr (!Codec::kHasOffset) {
    needed = hn::Or(needed, hn::Or(hn::Ge(range.low, zero), hn::Le(range.high, zero)));
  } else if (w != nullptr || effort == Effort::best) {
    VF error = zero, total = zero, sum = zero, squares = zero;
    const VF inverse = inverses_or_zero(fit.stored.scale), highest = hn::Set(d, Codec::kMaxCode);
    for (std::size_t i = 0; i < kQuickWeights; ++i) {
      const VF value = hn::Sub(hn::Load(d, x + i * kLanes), fit.stored.offset);
      const VF weight = w != nullptr ? hn::Load(d, w + i * kLanes) : hn::Set(d, 1.0f);
      const VF r = hn::Sub(value, hn::Mul(fit.stored.scale, nearest_codes(value, inverse, zero, highest)));
      const VF weighted = hn::Mul(weight, value);
      error = hn::Add(error, hn::Mul(hn::Mul(weight, r), r));
      total = hn::Add(total, weight);
      sum = hn::Add(sum, weighted);
      squares = hn::Add(squares, hn::Mul(weighted, value));
    }
    // Rounded otherwise than in look_again_at(), which decides.
    const VF around_mean = hn::Sub(squares, hn::Div(hn::Mul(sum, sum), total));
    const VF rounding = hn::Mul(squares, hn::Set(d, 0x1p-18f * kGoodFit<Codec>));
    needed = hn::Or(
        needed, hn::Le(error, hn::Add(hn::Mul(around_mean, hn::Set(d, 1.1f * kGoodFit<Codec>)), rounding)));
    const VF of_offset = hn::Mul(fit.stored.offset, hn::Set(d, 1.1f * kOffsetRounding));
    needed = hn::Or(needed, hn::Le(error, hn::Mul(total, hn::Mul(of_offset, of_offset))));
  }
  return hn::And(alive, needed);
}

/// Groups of both signs that fit their grid, and have no importance: the scale whose rounding hurts least. Weights that have been on a grid
/// before come in whole models, so this is not left to plain code. Returns the lanes that are done.
template <class Codec>
HWY_NOINLINE hn::Mask<F32> round_scale_best(const float* x, LaneRange range, hn::Mask<F32> wanted,
                                            LaneQuickFit& fit) {
  const F32 d;
  constexpr CodeRange kRange{Codec::kMinCode, Codec::kMaxCode};
  HWY_ALIGN float w[kQuickWeights * kLanes];
  std::fill(std::begin(w), std::end(w), 1.0f);
  const LaneGroups groups{x, w, kQuickWeights};
  VF squares = hn::Zero(d);
  for (std::size_t i = 0; i < kQuickWeights; ++i) {
    const VF value = hn::Load(d, x + i * kLanes);
    squares = hn::Add(squares, hn::Mul(value, value));
  }
  const VF error =
      scale_error(groups, fit.stored.scale, hn::Set(d, kRange.lowest), hn::Set(d, kRange.highest)).error;
  const auto rounding = hn::And(hn::Gt(error, hn::Mul(squares, hn::Set(d, kBestFit))),
                                hn::Le(error, hn::Mul(squares, hn::Set(d, kExactFit))));
  const auto done = hn::And(wanted, rounding);
  if (!hn::AllFalse(d, done)) {
    fit.stored.scale = search_exact_fit(groups, kRange, range.peak(), fit.stored.scale, error, done);
    fit.keeps_codes = hn::AndNot(done, fit.keeps_codes);
  }
  return wanted;
}

/// `x`, `w` (null: all equal): element i of all blocks at i * kLanes.
template <class Codec>
HWY_INLINE void look_again(const float* x, const float* w, LaneRange range, Effort effort,
                           LaneQuickFit& fit) {
  const F32 d;
  auto needed = needs_look<Codec>(x, w, range, effort, fit);
  if (HWY_LIKELY(hn::AllFalse(d, needed))) return;
  if constexpr (Codec::kCodeBits < 8 && !Codec::kHasOffset) {
    const VF zero = hn::Zero(d);
    const auto both_signs = hn::And(hn::Lt(range.low, zero), hn::Gt(range.high, zero)),
               fine = hn::Ge(hn::Abs(fit.stored.scale), hn::Set(d, kCoarseScale));
    const auto wanted = hn::And(hn::And(needed, fit.fits), hn::And(both_signs, fine));
    if (!hn::AllFalse(d, wanted)) needed = hn::AndNot(round_scale_best<Codec>(x, range, wanted, fit), needed);
  }
  HWY_ALIGN float scale[kLanes], offset[kLanes], lane_needed[kLanes], keeps[kLanes], fits[kLanes];
  hn::Store(fit.stored.scale, d, scale);
  hn::Store(fit.stored.offset, d, offset);
  hn::Store(hn::IfThenElseZero(needed, hn::Set(d, 1.0f)), d, lane_needed);
  hn::Store(hn::IfThenElseZero(fit.keeps_codes, hn::Set(d, 1.0f)), d, keeps);
  hn::Store(hn::IfThenElseZero(fit.fits, hn::Set(d, 1.0f)), d, fits);
  for (std::size_t l = 0; l < kLanes; ++l) {
    if (lane_needed[l] == 0.0f) continue;
    float one_x[kQuickWeights], one_w[kQuickWeights];
    for (std::size_t i = 0; i < kQuickWeights; ++i) {
      one_x[i] = x[i * kLanes + l];
      one_w[i] = w != nullptr ? w[i * kLanes + l] : 1.0f;
    }
    QuickFit found{{scale[l], offset[l]}, keeps[l] != 0.0f, fits[l] != 0.0f, {}};
    look_again_at<Codec>(one_x, w != nullptr ? std::span<const float>(one_w) : std::span<const float>(),
                         effort, found);
    scale[l] = found.stored.scale;
    offset[l] = found.stored.offset;
    keeps[l] = found.has_codes ? 1.0f : 0.0f;
  }
  fit.stored = {hn::Load(d, scale), hn::Load(d, offset)};
  fit.keeps_codes = hn::Ne(hn::Load(d, keeps), hn::Zero(d));
}

}  // namespace pq::gguf::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif

#endif
