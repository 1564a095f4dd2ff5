// Encoder of super-blocks without minima (q6_k, q3_k): w = d * scale * code with an integer scale per group.
//
//   1. For each group and each sign of the scale: the best of a few real scales, refitted.
//   2. d: the largest of these scales gets the largest scale code.
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

#include "scale_super.hpp"
#include "super_lanes-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace pq::gguf::HWY_NAMESPACE {

/// The 16 groups of a super-block on their way through the search.
template <class Codec>
struct ScaleGroups {
  static constexpr std::size_t kGroup = Codec::kGroup;
  ElementMajor<kGroup> x;
  const ElementMajor<kGroup>* w;
  GroupValues peak;     // the weight of largest magnitude
  GroupValues squares;  // sum w x^2
};

/// Scale codes of the groups, and the error of the values that they decode to.
struct ScaleChoice {
  float d = 0;
  GroupValues scales, errors;
};

/// Errors of nearest codes for kCount inverse scales per group, in units of the squared scale.
template <class Codec, std::size_t kCount>
HWY_INLINE void unit_errors(const float* x, const float* w, const VF (&inverse)[kCount],
                            VF (&error)[kCount]) {
  const F32 d;
  const VF lowest = hn::Set(d, Codec::kMinCode), highest = hn::Set(d, Codec::kMaxCode);
  for (VF& e : error) e = hn::Zero(d);
  for (std::size_t i = 0; i < Codec::kGroup; ++i) {
    const VF xi = hn::Load(d, x + i * kLanes), wi = hn::Load(d, w + i * kLanes);
    for (std::size_t k = 0; k < kCount; ++k) {
      const VF u = hn::Mul(xi, inverse[k]);
      const VF r = hn::Sub(u, hn::Min(hn::Max(hn::Round(u), lowest), highest));
      error[k] = hn::Add(error[k], hn::Mul(hn::Mul(wi, r), r));
    }
  }
}

struct ScaleSums {
  VF xq, qq;  // sum w x q, sum w q^2
};

template <class Codec, std::size_t kCount>
HWY_INLINE void code_sums(const float* x, const float* w, const VF (&inverse)[kCount],
                          ScaleSums (&sums)[kCount]) {
  const F32 d;
  const VF lowest = hn::Set(d, Codec::kMinCode), highest = hn::Set(d, Codec::kMaxCode);
  for (ScaleSums& s : sums) s.xq = s.qq = hn::Zero(d);
  for (std::size_t i = 0; i < Codec::kGroup; ++i) {
    const VF xi = hn::Load(d, x + i * kLanes), wi = hn::Load(d, w + i * kLanes);
    for (std::size_t k = 0; k < kCount; ++k) {
      const VF q = nearest_codes(xi, inverse[k], lowest, highest), wq = hn::Mul(wi, q);
      sums[k].xq = hn::Add(sums[k].xq, hn::Mul(wq, xi));
      sums[k].qq = hn::Add(sums[k].qq, hn::Mul(wq, q));
    }
  }
}

/// Refitted real scales of the groups, the best ones with each sign and their scores.
struct SignedScales {
  GroupValues scale[2], score[2];  // 0: the peak gets a negative code
};

template <class Codec>
HWY_INLINE void find_scales(const ScaleGroups<Codec>& groups, const ScaleSearch& search,
                            SignedScales& found) {
  const F32 d;
  const VF zero = hn::Zero(d), one = hn::Set(d, 1.0f);
  for (std::size_t c = 0; c < kChunks; ++c) {
    const VF peak = groups.peak.load(c);
    const auto alive = hn::Ge(hn::Abs(peak), hn::Set(d, kSmallestPeak));
    const VF inverse_peak = hn::Div(one, hn::IfThenElse(alive, peak, one));
    VF scale[2] = {zero, zero}, score[2] = {zero, zero};
    for (const float start : search.starts) {
      const VF inverse[2] = {hn::Mul(inverse_peak, hn::Set(d, start * Codec::kMinCode)),
                             hn::Mul(inverse_peak, hn::Set(d, -start * Codec::kMinCode))};
      ScaleSums sums[2];
      code_sums<Codec>(groups.x.at[c], groups.w->at[c], inverse, sums);
      for (std::size_t k = 0; k < 2; ++k) {
        const VF ratio = divide_or_zero(sums[k].xq, sums[k].qq), value = hn::Mul(ratio, sums[k].xq);
        const auto better = hn::And(alive, hn::Gt(value, score[k]));
        score[k] = hn::IfThenElse(better, value, score[k]);
        scale[k] = hn::IfThenElse(better, ratio, scale[k]);
      }
    }
    for (std::size_t k = 0; k < 2; ++k) {
      found.scale[k].store(c, scale[k]);
      found.score[k].store(c, score[k]);
    }
  }
}

/// The f16 factor that gives the largest of the best scales the code kMinScale / `stretch`. Not 0 unless all scales are.
template <class Codec>
HWY_INLINE float super_scale(const SignedScales& found, float stretch) {
  float largest = 0;
  for (std::size_t g = 0; g < kBatchGroups; ++g) {
    const float scale = found.scale[found.score[1].at[g] > found.score[0].at[g]].at[g];
    if (std::abs(scale) > std::abs(largest)) largest = scale;
  }
  return nonzero_f16(largest * stretch / static_cast<float>(Codec::kMinScale));
}

/// Tries the scale codes center - window + 1 .. center + window (an even window) for all groups of chunk c.
template <class Codec>
HWY_INLINE void try_scales(const ScaleGroups<Codec>& groups, std::size_t c, float factor, VF center,
                           int window, VF& best_scale, VF& best_error) {
  const F32 d;
  constexpr std::size_t kCount = 4;
  for (int begin = 1 - window; begin < window; begin += static_cast<int>(kCount)) {
    VF scale[kCount], value[kCount], inverse[kCount], error[kCount];
    for (std::size_t k = 0; k < kCount; ++k) {
      const float step = static_cast<float>(begin + static_cast<int>(k));
      scale[k] = hn::Min(hn::Max(hn::Add(center, hn::Set(d, step)), hn::Set(d, Codec::kMinScale)),
                         hn::Set(d, Codec::kMaxScale));
      value[k] = hn::Mul(scale[k], hn::Set(d, factor));
      inverse[k] = inverses_or_zero(value[k]);
    }
    unit_errors<Codec>(groups.x.at[c], groups.w->at[c], inverse, error);
    for (std::size_t k = 0; k < kCount; ++k) {
      error[k] = hn::Mul(hn::Mul(value[k], value[k]), error[k]);
      // The scale 0 decodes to zeros; its error is where the search began.
      const auto better = hn::And(hn::Ne(value[k], hn::Zero(d)), hn::Lt(error[k], best_error));
      best_error = hn::IfThenElse(better, error[k], best_error);
      best_scale = hn::IfThenElse(better, scale[k], best_scale);
    }
  }
}

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
HWY_INLINE void search_factor(const ScaleGroups<Codec>& groups, const SignedScales& found, float stretch,
                              const ScaleSearch& search, ScaleChoice& best, float& best_error) {
  ScaleChoice choice;
  choose_scales(groups, found, super_scale<Codec>(found, stretch), search, choice);
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
  for (int code = -Codec::kMinScale; code >= -Codec::kMinScale / 8; code = code * 15 / 16)
    search_factor(groups, found, static_cast<float>(-Codec::kMinScale) / static_cast<float>(code), search,
                  best, best_error);
}

template <class Codec>
HWY_INLINE ScaleChoice search_super(const ScaleGroups<Codec>& groups, const ScaleSearch& search) {
  SignedScales found;
  find_scales(groups, search, found);
  ScaleChoice best;  // all zeros
  const F32 d;
  for (std::size_t c = 0; c < kChunks; ++c) {
    best.scales.store(c, hn::Zero(d));
    best.errors.store(c, groups.squares.load(c));
  }
  const float squares = ordered_sum(best.errors.at, kBatchGroups);
  float best_error = squares;
  for (const float stretch : search.stretches)
    search_factor(groups, found, stretch, search, best, best_error);
  if (HWY_UNLIKELY(best_error <= squares * kSuperExactFit))
    search_exact_fit(groups, found, search, best, best_error);
  return best;
}

/// Loads a super-block. Its weights are finite afterwards.
template <class Codec>
HWY_INLINE void load_super(const float* weights, const ElementMajor<Codec::kGroup>& w,
                           ScaleGroups<Codec>& groups) {
  const F32 d;
  constexpr std::size_t kGroup = Codec::kGroup;
  groups.w = &w;
  for (std::size_t c = 0; c < kChunks; ++c) {
    const LaneRange range =
        load_weights(Consecutive<kGroup>{weights + c * kLanes * kGroup}, kGroup, groups.x.at[c]);
    groups.peak.store(c, range.peak());
    VF squares = hn::Zero(d);
    for (std::size_t i = 0; i < kGroup; ++i) {
      const VF x = hn::Load(d, groups.x.at[c] + i * kLanes);
      squares = hn::Add(squares, hn::Mul(hn::Mul(hn::Load(d, w.at[c] + i * kLanes), x), x));
    }
    groups.squares.store(c, squares);
  }
}

template <class Codec>
void encode_scale_super(const SuperCall& call) {
  using Block = typename Codec::Block;
  constexpr std::size_t kGroup = Codec::kGroup;
  const F32 d;
  const ScaleSearch search = Codec::search(call.effort);
  ScaleGroups<Codec> groups;
  ElementMajor<kGroup> w;
  SuperBlock block;
  const std::size_t per_row = static_cast<std::size_t>(call.rows.cols) / kSuperWeights;
  // Column blocks outside, rows inside: the importance is transposed once for all rows.
  for (std::size_t s = 0; s < per_row; ++s) {
    for (std::size_t c = 0; c < kChunks; ++c)
      load_groups(Consecutive<kGroup>{call.importance.data() + s * kSuperWeights + c * kLanes * kGroup},
                  kGroup, w.at[c]);
    for (std::int64_t r = 0; r < call.rows.rows; ++r) {
      load_super<Codec>(call.rows.data + r * call.rows.stride + static_cast<std::int64_t>(s * kSuperWeights),
                        w, groups);
      const ScaleChoice choice = search_super(groups, search);
      block.d = choice.d;
      for (std::size_t g = 0; g < kBatchGroups; ++g)
        block.scales[g] = static_cast<std::int16_t>(choice.scales.at[g]);
      const VF lowest = hn::Set(d, Codec::kMinCode), highest = hn::Set(d, Codec::kMaxCode);
      for (std::size_t c = 0; c < kChunks; ++c) {
        const VF inverse = inverses_or_zero(hn::Mul(choice.scales.load(c), hn::Set(d, choice.d)));
        const auto codes = [&](std::size_t i) HWY_ATTR {
          return nearest_codes(hn::Load(d, groups.x.at[c] + i * kLanes), inverse, lowest, highest);
        };
        store_codes<kGroup>(codes, block.codes.data() + c * kLanes * kGroup);
      }
      Block packed;
      Codec::pack(block, packed);
      store(call.out + (static_cast<std::size_t>(r) * per_row + s) * sizeof(Block), packed);
    }
  }
}

}  // namespace pq::gguf::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
