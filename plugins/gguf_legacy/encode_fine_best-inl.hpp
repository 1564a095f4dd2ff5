// The highest effort for 8-bit codes. Include rules as for codec/lanes-inl.hpp.

// clang-format off
#if defined(POLYQUANT_GGUF_LEGACY_ENCODE_FINE_BEST_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef POLYQUANT_GGUF_LEGACY_ENCODE_FINE_BEST_INL_HPP
#undef POLYQUANT_GGUF_LEGACY_ENCODE_FINE_BEST_INL_HPP
#else
#define POLYQUANT_GGUF_LEGACY_ENCODE_FINE_BEST_INL_HPP
#endif
// clang-format on

#include "careful-inl.hpp"
#include "encode_batches-inl.hpp"

#include <algorithm>
#include <cstdint>
#include <iterator>

#if HWY_TARGET != HWY_SCALAR  // there the plain loops serve
HWY_BEFORE_NAMESPACE();
namespace pq::gguf::HWY_NAMESPACE {

/// decoded_error() of all lanes; `found`: codes i and i + 16 in 16-bit halves, for the lanes that keep them.
template <class Codec, class Found>
HWY_INLINE VF decoded_errors(const float* x, const float* w, const LaneQuickFit& fit, const Found& found) {
  const F32 d;
  const VF inverse = inverses_or_zero(fit.stored.scale);
  VF errors = hn::Zero(d);
  for (std::size_t i = 0; i < kGroup; ++i) {
    const VI pair = hn::BitCast(I32(), found(i % kPairs));
    const VI code = hn::ShiftRight<16>(i < kPairs ? hn::ShiftLeft<16>(pair) : pair);
    const VF value = hn::Load(d, x + i * kLanes);
    const VF nearest =
        nearest_codes(value, inverse, hn::Set(d, Codec::kMinCode), hn::Set(d, Codec::kMaxCode));
    const VF q = hn::IfThenElse(fit.keeps_codes, hn::ConvertTo(d, code), nearest);
    const VF difference = hn::Sub(value, hn::Mul(fit.stored.scale, q));
    errors = hn::Add(errors, hn::Mul(hn::Mul(hn::Load(d, w + i * kLanes), difference), difference));
  }
  return errors;
}

/// `best` with 8-bit codes: what its search finds or that of `normal`, whichever decodes better. The searches judge in integers.
template <class Codec>
void encode_finely_best(const EncodeCall& call) {
  const bool weighted = !call.importance.empty();
  HWY_ALIGN float x[kGroup * kLanes];
  HWY_ALIGN float w[kGroup * kLanes];
  VS weight_pairs[kPairs];
  FineScaleSearch<kFineBest> best;
  FineScaleSearch<kFineNormal> normal;
  Gathered<Codec> copy;
  std::fill(std::begin(w), std::end(w), 1.0f);
  Cutter<Codec> cutter(call);
  for (std::int64_t rest = cutter.batches(); rest > 0; --rest) {
    Batch batch;
    cutter.next(batch, copy);
    const LaneRange range = load_weights(Groups{batch.weights}, kGroup, x);
    if (weighted) load_groups(Groups{batch.importance}, kGroup, w);
    fine_weight_pairs(w, weight_pairs);
    const auto fit_of = [&](auto& search) HWY_ATTR {
      search.begin(range, weight_pairs);
      search.scan(x);
      LaneQuickFit fit = search.finish();
      look_again<Codec>(x, weighted ? w : nullptr, range, call.effort, fit);
      return fit;
    };
    const LaneQuickFit first = fit_of(best), second = fit_of(normal);
    const auto of_best = [&](std::size_t i) HWY_ATTR { return best.pairs(i); };
    const auto of_normal = [&](std::size_t i) HWY_ATTR { return normal.pairs(i); };
    const auto other =
        hn::Lt(decoded_errors<Codec>(x, w, second, of_normal), decoded_errors<Codec>(x, w, first, of_best));
    const LaneQuickFit fit{{hn::IfThenElse(other, second.stored.scale, first.stored.scale), hn::Zero(F32())},
                           hn::Or(hn::And(other, second.keeps_codes), hn::AndNot(other, first.keeps_codes)),
                           first.fits};
    store_head<Codec>(fit.stored, batch);
    store_nearest<Codec>(
        x, fit, [&](std::size_t i) HWY_ATTR { return select_shorts(other, of_normal(i), of_best(i)); },
        batch);
  }
  cutter.finish(copy);
}

}  // namespace pq::gguf::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif

#endif
