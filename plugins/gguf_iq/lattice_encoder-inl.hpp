// The search for a block of 256 weights (docs/explain/codebook-search.md). Include after hwy/foreach_target.h.

// clang-format off
#if defined(PQ_GGUF_LATTICE_ENCODER_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef PQ_GGUF_LATTICE_ENCODER_INL_HPP
#undef PQ_GGUF_LATTICE_ENCODER_INL_HPP
#else
#define PQ_GGUF_LATTICE_ENCODER_INL_HPP
#endif
// clang-format on

#include "lattice_search-inl.hpp"
#include "lattice_search.hpp"

HWY_BEFORE_NAMESPACE();
namespace pq::gguf_iq::HWY_NAMESPACE {

template <class Type>
class LatticeEncoder {
  using Traits = LatticeTraits<Type>;
  using State = LatticeState<Type>;
  static constexpr std::size_t kGroups = Traits::kGroups, kUnitGroups = kGroups / kBlockUnits;

 public:
  explicit LatticeEncoder(Effort effort) : effort_(effort), search_(false), wide_search_(true) {}

  /// `best` includes all that `normal` does.
  void encode(const float* x, const float* w, const float* costs, typename Type::Block& out) {
    block_.load(x, w, costs);
    State best =
        search_all(lattice_effort(Type::kGrid, effort_ == Effort::best ? Effort::normal : effort_), false);
    write(best, out);
    const bool even = is_even();
    if (effort_ != Effort::best && !even) return;
    block_.load(x, w, costs);  // without the flips of the first search
    State other = search_all(lattice_effort(Type::kGrid, Effort::best), even);
    if (other.error() < best.error()) write(other, out);
  }

  static Piece piece_of(const LatticeChoice& choice, std::size_t p, std::uint8_t signs) {
    const auto& index_of = lattice_tables(Type::kGrid).index_of;
    const std::uint16_t second =
        Traits::kElements == 4 ? index_of[choice.points.codes[1][p]] : std::uint16_t{0};
    return {index_of[choice.points.codes[0][p]], second, signs, choice.down[p]};
  }

 private:
  State search_all(const LatticeEffort& effort, bool even) {
    float scales[kGroups], possible[kGroups];
    first_scales(effort, scales, possible);
    const float largest = *std::max_element(scales, scales + kGroups);
    State best = search(effort, largest / Traits::kLargestScale, scales, even);
    const auto consider = [&](float d) {
      const State found = search(effort, d / Traits::kLargestScale, scales, even);
      if (found.error() < best.error()) best = found;
    };
    for (int n = 0; n < effort.super_scales && effort.super_scales > 1; ++n)
      if (n != 1) consider(largest * (0.94f + 0.06f * static_cast<float>(n)));
    if (even && !Traits::kSignedLevels)
      for (const float level : levels_of(Type::kGrid)) consider(largest / level);
    float limit = scales_fit(best, possible) ? 0.0f : largest;
    while (limit > 0.0f) {  // d from smaller and smaller groups
      float next = 0;
      for (const float scale : scales) next = scale < 0.8f * limit ? std::max(next, scale) : next;
      if (next > 0.0f) consider(next);
      limit = next;
    }
    finish(effort, best);
    return best;
  }
  /// Whether the scale codes cost no more than usual. `possible`: what the real scales of the groups gain.
  bool scales_fit(const State& state, const float* possible) const {
    float squares = 0, gain = 0;
    for (std::size_t p = 0; p < kBlockPieces; ++p) squares += block_.squares()[p];
    for (std::size_t g = 0; g < kGroups; ++g) gain += possible[g];
    return !(squares + state.error() > kPoorFit * (squares - gain));
  }
  bool is_even() const {
    float rms[kGroups], peak[kGroups];
    measure(rms, peak);
    std::size_t count = 0;
    for (std::size_t g = 0; g < kGroups; ++g)
      count += peak[g] > 0.0f && rms[g] > kEvenMagnitude * peak[g] ? 1 : 0;
    return 4 * count >= kGroups;
  }

  /// The best scale of every group among a few, and what it gains.
  void first_scales(const LatticeEffort& effort, float* found, float* best) const {
    float rms[kGroups], peak[kGroups];
    measure(rms, peak);
    std::fill_n(found, kGroups, 0.0f);
    std::fill_n(best, kGroups, 0.0f);
    for (const float start : effort.starts) try_scales(rms, start, best, found);
    constexpr auto kLevels = levels_of(Type::kGrid);
    try_scales(peak, kLevels[kLevels.size() - 1], best, found);
    bool even = false;
    std::uint32_t uneven = 0;  // bits of units
    for (std::size_t g = 0; g < kGroups; ++g) {
      even |= rms[g] > kNearlyOneMagnitude * peak[g];
      uneven |= kUnevenPeak * rms[g] < peak[g] ? 1u << g / kUnitGroups : 0u;
    }
    if constexpr (Traits::kSignedLevels) return;
    if (even) try_scales(rms, kLevels[0], best, found);
    for (std::size_t u = 0; uneven >> u != 0; ++u)
      if ((uneven >> u & 1u) != 0)
        for (const float start : kUnevenStarts) try_scales_of(block_.unit(u), u, rms, start, best, found);
  }
  /// Weighted root mean squares and largest magnitudes; 0 for groups that hold next to nothing.
  void measure(float* rms, float* peak) const {
    for (std::size_t g = 0; g < kGroups; ++g) {
      peak[g] = 0;
      for (std::size_t p = g * Traits::kGroupPieces; p < (g + 1) * Traits::kGroupPieces; ++p)
        peak[g] = std::max(peak[g], block_.largest(p));
      if (peak[g] < kSmallestPeak) peak[g] = 0.0f;
      rms[g] = peak[g] > 0.0f
                   ? std::sqrt(group_sum<Type>(block_.squares(), g) / group_sum<Type>(block_.importance(), g))
                   : 0.0f;
    }
  }
  void try_scales(const float* sizes, float divisor, float* best, float* found) const {
    try_scales_of(block_.weights(), 0, sizes, divisor, best, found);
  }
  /// `weights`: of the units from `unit` on.
  void try_scales_of(const BlockWeights& weights, std::size_t unit, const float* sizes, float divisor,
                     float* best, float* found) const {
    float scales[kBlockPieces] = {};
    for (std::size_t p = 0; p < kPieces * weights.units; ++p)
      scales[p] = sizes[(kPieces * unit + p) / Traits::kGroupPieces] / divisor;
    LatticeChoice choice;
    search_.find(weights, scales, choice);
    for (std::size_t k = 0; k < kUnitGroups * weights.units; ++k) {
      const std::size_t g = kUnitGroups * unit + k;
      const float a = group_sum<Type>(choice.points.a, k), b = group_sum<Type>(choice.points.b, k);
      const float score = a > 0.0f && b > 0.0f && sizes[g] > 0.0f ? (a * a) / b : 0.0f;
      if (!(score > best[g])) continue;
      best[g] = score;
      found[g] = a / b;
    }
  }

  State search(const LatticeEffort& effort, float d, const float* scales, bool all_codes) const {
    State state;
    state.d = nonzero_f16(d);
    for (std::size_t g = 0; g < kGroups; ++g)
      state.codes[g] = static_cast<int>(nearest_code((scales[g] * inverse_or_zero(state.d) - 1.0f) * 0.5f,
                                                     1.0f, 0.0f, static_cast<float>(Type::kScaleCodes - 1)));
    if (all_codes) std::fill(std::begin(state.codes), std::end(state.codes), Type::kScaleCodes / 2);
    choose_codes(all_codes ? Type::kScaleCodes / 2 : effort.window, state);
    for (int round = 0; round < effort.rounds; ++round) {
      State next = state;
      next.d = state.refitted();
      choose_codes(1, next);
      if (next.error() < state.error()) state = next;
    }
    return state;
  }
  /// The best code of each group within `window` of the present one, and its points.
  void choose_codes(int window, State& state) const {
    int middle[kGroups];
    std::copy(std::begin(state.codes), std::end(state.codes), middle);
    for (int offset = -window; offset <= window; ++offset) {
      int codes[kGroups];
      float scales[kBlockPieces];
      for (std::size_t g = 0; g < kGroups; ++g)
        codes[g] = std::clamp(middle[g] + offset, 0, Type::kScaleCodes - 1);
      for (std::size_t p = 0; p < kBlockPieces; ++p)
        scales[p] = state.d * static_cast<float>(2 * codes[p / Traits::kGroupPieces] + 1);
      LatticeChoice choice;
      search_.find(block_.weights(), scales, choice);
      for (std::size_t g = 0; g < kGroups; ++g) {
        const float error =
            relative_error(scales[g * Traits::kGroupPieces], group_sum<Type>(choice.points.a, g),
                           group_sum<Type>(choice.points.b, g));
        if (offset == -window || error < state.errors[g]) state.take(g, codes[g], error, choice);
      }
    }
  }

  /// Other flips, longer lists and a last refit with the scales as they are.
  void finish(const LatticeEffort& effort, State& state) {
    float scales[kBlockPieces];
    std::uint8_t kept[kBlockPieces];  // flips that the pieces of `state` have
    for (std::size_t p = 0; p < kBlockPieces; ++p) {
      scales[p] = state.scale(p / Traits::kGroupPieces);
      kept[p] = block_.flipped(p);
    }
    if constexpr (Type::kEvenSigns) try_flips(effort, scales, kept, state.choice);
    improve(wide_search_, scales, kept, state.choice);
    state.update_errors();
    state.refit();
    float squares = 0;
    for (std::size_t p = 0; p < kBlockPieces; ++p) squares += block_.squares()[p];
    state.round_best(squares);
    state.update_errors();
  }
  void improve(const LatticeSearch<Type>& search, const float* scales, std::uint8_t* kept,
               LatticeChoice& best) const {
    LatticeChoice choice;
    search.find(block_.weights(), scales, choice);
    LatticeSearch<Type>::take_better(scales, choice, kBlockPieces, best,
                                     [&](std::size_t p) { kept[p] = block_.flipped(p); });
  }
  void try_flips(const LatticeEffort& effort, const float* scales, std::uint8_t* kept, LatticeChoice& best) {
    const auto tries = static_cast<std::size_t>(effort.flips);
    std::uint8_t order[kBlockPieces][8], odd[kBlockPieces];
    std::size_t count = 0;
    for (std::size_t p = 0; p < kBlockPieces; ++p) {
      odd[count] = static_cast<std::uint8_t>(p);
      count += block_.is_odd(p) ? 1 : 0;
    }
    for (std::size_t k = 0; k < count; ++k) block_.flip_order(odd[k], tries + 1, order[k]);
    for (std::size_t n = 1; n <= tries; ++n) {
      for (std::size_t k = 0; k < count; ++k) block_.flip_instead(odd[k], order[k][n]);
      improve(search_, scales, kept, best);
    }
    for (std::size_t k = 0; k < count; ++k) block_.flip_instead(odd[k], kept[odd[k]]);
  }

  void write(const State& state, typename Type::Block& out) const {
    out = {};
    Type::set_super_scale(out, state.d);
    for (std::size_t g = 0; g < kGroups; ++g) Type::set_scale(out, static_cast<int>(g), state.codes[g]);
    for (std::size_t p = 0; p < kBlockPieces; ++p)
      Type::set_piece(out, static_cast<int>(p), piece_of(state.choice, p, block_.signs(p)));
  }

  Effort effort_;
  LatticeSearch<Type> search_, wide_search_;
  LatticeBlock<Type> block_;
};

}  // namespace pq::gguf_iq::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
