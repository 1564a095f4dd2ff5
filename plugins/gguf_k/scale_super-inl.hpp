// Search for super-blocks without minima (q6_k, q3_k): w = d * scale * code with an integer scale per group.
//
//   1. For each group and each sign of the scale: the best of a few real scales, refitted.
//   2. d: the largest of these scales gets the largest scale code, or nearly; the factor that rounds the scales least.
//   3. For each group all integer scales near those two, scored with the values that they decode to.
//   4. d refitted to the codes found, the neighbouring scales again; kept if the error falls.
//
// Step 3 is where the gain is: at 6 bits the error of a scale is that of many nearly random roundings, so each further trial helps.

// clang-format off
#if defined(POLYQUANT_GGUF_K_SCALE_SUPER_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef POLYQUANT_GGUF_K_SCALE_SUPER_INL_HPP
#undef POLYQUANT_GGUF_K_SCALE_SUPER_INL_HPP
#else
#define POLYQUANT_GGUF_K_SCALE_SUPER_INL_HPP
#endif
// clang-format on

#include "scale_groups-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace pq::gguf::HWY_NAMESPACE {

/// Step 3.
template <class Codec>
HWY_INLINE void choose_scales(const ScaleGroups<Codec>& groups, const SignedScales& found, float factor,
                              const ScaleSearch& search, ScaleChoice& choice) {
  const F32 d;
  choice.d = factor;
  const VF inverse = hn::Set(d, inverse_or_zero(factor));
  for (std::size_t c = 0; c < kChunks; ++c) {
    VF scale = hn::Zero(d), error = groups.squares.load(c);
    for (const GroupValues& start : found.scale)
      try_scales(groups, c, factor, hn::Round(hn::Mul(start.load(c), inverse)), search.window, scale, error);
    choice.scales.store(c, scale);
    choice.errors.store(c, error);
  }
}

/// Step 4: the best factor for the codes of `choice`, and the scales next to its own again.
template <class Codec>
HWY_INLINE void refit(const ScaleGroups<Codec>& groups, int window, ScaleChoice& choice) {
  const F32 d;
  GroupValues numerator, denominator;
  for (std::size_t c = 0; c < kChunks; ++c) {
    const VF scale = choice.scales.load(c);
    const VF inverse[1] = {inverses_or_zero(hn::Mul(scale, hn::Set(d, choice.d)))};
    ScaleSums sums[1];
    code_sums<Codec>(groups.x.at[c], groups.w->at[c], inverse, sums);
    numerator.store(c, hn::Mul(scale, sums[0].xq));
    denominator.store(c, hn::Mul(hn::Mul(scale, scale), sums[0].qq));
  }
  const float below = ordered_sum(denominator.at, kBatchGroups);
  if (!(below > 0.0f)) return;
  choice.d = nonzero_f16(ordered_sum(numerator.at, kBatchGroups) / below);
  for (std::size_t c = 0; c < kChunks; ++c) {
    VF scale = hn::Zero(d), error = groups.squares.load(c);
    try_scales(groups, c, choice.d, choice.scales.load(c), window, scale, error);
    choice.scales.store(c, scale);
    choice.errors.store(c, error);
  }
}

/// Steps 2 to 4 for one super-scale; `best` is replaced if something better is found.
template <class Codec>
HWY_INLINE void search_factor(const ScaleGroups<Codec>& groups, const SignedScales& found, float factor,
                              const ScaleSearch& search, ScaleChoice& best, float& best_error) {
  ScaleChoice choice;
  choose_scales(groups, found, factor, search, choice);
  for (int round = 0;; ++round) {
    const float error = ordered_sum(choice.errors.at, kBatchGroups);
    if (error < best_error) {
      best = choice;
      best_error = error;
    }
    if (round == search.refits) return;
    refit(groups, search.refit_window, choice);
  }
}

/// A super-block that fits its grid except for the rounding of d (one value, or one magnitude) is worth a look at many d.
template <class Codec>
HWY_NOINLINE void search_exact_fit(const ScaleGroups<Codec>& groups, const SignedScales& found,
                                   const ScaleSearch& search, ScaleChoice& best, float& best_error) {
  // From 4/3 of the largest code: the start may have been fitted to a code below the lowest one.
  for (int code = -Codec::kMinScale * 4 / 3; code >= -Codec::kMinScale / 8; code -= 1 + code / 32) {
    const float stretch = static_cast<float>(-Codec::kMinScale) / static_cast<float>(code);
    for (const Sign sign : {Sign::negative, Sign::positive})
      search_factor(groups, found, super_scale<Codec>(found, sign, stretch), search, best, best_error);
  }
}

/// The error with real group scales.
template <class Codec>
HWY_INLINE float possible_error(const ScaleGroups<Codec>& groups, const SignedScales& found) {
  GroupValues error;
  for (std::size_t c = 0; c < kChunks; ++c)
    error.store(c, hn::Sub(groups.squares.load(c), hn::Max(found.score[0].load(c), found.score[1].load(c))));
  return ordered_sum(error.at, kBatchGroups);
}

/// Where a few groups have scales so large that the others are stored badly: d from smaller and smaller groups.
template <class Codec>
HWY_NOINLINE void search_smaller_factors(const ScaleGroups<Codec>& groups, const SignedScales& found,
                                         const ScaleSearch& search, ScaleChoice& best, float& best_error) {
  constexpr float kNext = 0.8f;  // what is nearer has been tried with all scale codes around
  float limit = HUGE_VALF;
  for (std::size_t round = 0; round < kBatchGroups; ++round) {
    float scale = 0;
    for (std::size_t g = 0; g < kBatchGroups; ++g) {
      const float other = found.scale[found.score[1].at[g] > found.score[0].at[g] ? 1 : 0].at[g];
      if (std::abs(other) <= limit && std::abs(other) > std::abs(scale)) scale = other;
    }
    if (scale == 0.0f) return;
    limit = kNext * std::abs(scale);
    if (round > 0)
      search_factor(groups, found, nonzero_f16(scale / static_cast<float>(Codec::kMinScale)), search, best,
                    best_error);
  }
}

/// All that `search` says.
template <class Codec>
HWY_INLINE void search_all(const ScaleGroups<Codec>& groups, const ScaleSearch& search, ScaleChoice& best,
                           float& best_error) {
  SignedScales found;
  find_scales(groups, search, found);
  const float squares = ordered_sum(groups.squares.at, kBatchGroups);
  search_factor(groups, found, best_factor<Codec>(found, search.stretches), search, best, best_error);
  const auto try_stretches = [&](std::span<const float> stretches) HWY_ATTR {
    for (const float stretch : stretches)
      search_factor(groups, found, super_scale<Codec>(found, Sign::better, stretch), search, best,
                    best_error);
  };
  try_stretches(search.more_stretches);
  if (HWY_UNLIKELY(groups.one_sided && !search.more_stretches.empty())) try_stretches(kOneSidedStretches);
  if (HWY_UNLIKELY(best_error > squares * kSuperBestFit &&
                   best_error > possible_error(groups, found) * kSuperPoorFit))
    search_smaller_factors(groups, found, search, best, best_error);
  if (HWY_UNLIKELY(best_error > squares * kSuperBestFit && best_error <= squares * kSuperExactFit<Codec> &&
                   (groups.one_sided || misses_grid(best_error, possible_error(groups, found), squares))))
    search_exact_fit(groups, found, search, best, best_error);
}

/// One or two groups hold nearly all of a super-block.
template <class Codec>
HWY_INLINE bool few_groups(const ScaleGroups<Codec>& groups, float squares) {
  GroupValues fourth;
  for (std::size_t c = 0; c < kChunks; ++c)
    fourth.store(c, hn::Mul(groups.squares.load(c), groups.squares.load(c)));
  return squares * squares < kFewGroups * ordered_sum(fourth.at, kBatchGroups);
}

/// `best` includes all that `normal` does, and so does `fast` for super-blocks on which it may fail. The error of weights of one sign jumps about
/// with d and the scales: they are always searched as by `best`, as are those that one or two groups decide and those on a grid that was not found.
template <class Codec>
HWY_INLINE ScaleChoice search_super(const ScaleGroups<Codec>& groups, Effort effort) {
  ScaleChoice best;  // all zeros
  const F32 d;
  for (std::size_t c = 0; c < kChunks; ++c) {
    best.scales.store(c, hn::Zero(d));
    best.errors.store(c, groups.squares.load(c));
  }
  const float squares = ordered_sum(best.errors.at, kBatchGroups);
  float best_error = squares;
  if (squares == 0.0f) return best;
  if (effort == Effort::best) search_all(groups, Codec::search(Effort::normal), best, best_error);
  search_all(groups, Codec::search(effort), best, best_error);
  if (effort == Effort::best) return best;
  const bool thorough = groups.one_sided || few_groups(groups, squares);
  if (HWY_UNLIKELY(effort == Effort::fast && (groups.on_grid || thorough)))
    search_all(groups, Codec::search(Effort::normal), best, best_error);
  const bool missed =
      groups.on_grid && best_error > squares * kGridMiss && best_error <= squares * kGridFit<Codec>;
  if (HWY_UNLIKELY(thorough || missed)) search_all(groups, Codec::search(Effort::best), best, best_error);
  return best;
}

}  // namespace pq::gguf::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
