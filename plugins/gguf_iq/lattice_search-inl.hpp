// What has been chosen for a block of 256 weights. Include after hwy/foreach_target.h.

// clang-format off
#if defined(PQ_GGUF_LATTICE_SEARCH_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef PQ_GGUF_LATTICE_SEARCH_INL_HPP
#undef PQ_GGUF_LATTICE_SEARCH_INL_HPP
#else
#define PQ_GGUF_LATTICE_SEARCH_INL_HPP
#endif
// clang-format on

#include "lattice.hpp"
#include "lattice_lookup-inl.hpp"
#include "lattice_weights-inl.hpp"

#include <algorithm>
#include <cmath>

HWY_BEFORE_NAMESPACE();
namespace pq::gguf_iq::HWY_NAMESPACE {

/// Squared error of points at scale d, less the squares of the weights.
HWY_INLINE float relative_error(float d, float a, float b) { return (d * d) * b - (2.0f * d) * a; }

/// Sum over the pieces of a group, in a fixed order.
template <class Type>
HWY_INLINE float group_sum(const float* pieces, std::size_t group) {
  if constexpr (Type::kGroup == 32)
    return (pieces[4 * group] + pieces[4 * group + 1]) + (pieces[4 * group + 2] + pieces[4 * group + 3]);
  else
    return pieces[2 * group] + pieces[2 * group + 1];
}

/// Points and shifts of a block.
struct LatticeChoice {
  BlockPoints points;
  bool down[kBlockPieces] = {};

  HWY_INLINE void take(std::size_t p, const LatticeChoice& from) {
    points.codes[0][p] = from.points.codes[0][p];
    points.codes[1][p] = from.points.codes[1][p];
    points.a[p] = from.points.a[p];
    points.b[p] = from.points.b[p];
    down[p] = from.down[p];
  }
  HWY_INLINE float error(std::size_t p, float d) const { return relative_error(d, points.a[p], points.b[p]); }
};

/// Looks weights up at a scale for each piece; for grids with a shift in both directions, the better of them.
template <class Type>
class LatticeSearch {
  using Traits = LatticeTraits<Type>;

 public:
  explicit LatticeSearch(bool wide)
      : up_(grid_view(Type::kGrid, false, wide)), down_(grid_view(Type::kGrid, true, wide)) {}

  HWY_INLINE void find(const BlockWeights& weights, const float* scales, LatticeChoice& out) const {
    look_up<Traits::kElements>(up_, weights, scales, out.points);
    if constexpr (Traits::kSignedLevels) {
      LatticeChoice other;
      find_shifted(weights, scales, true, other);
      std::fill(std::begin(out.down), std::end(out.down), false);
      take_better(scales, other, kPieces * weights.units, out);
    }
  }
  /// One direction only.
  HWY_INLINE void find_shifted(const BlockWeights& weights, const float* scales, bool down,
                               LatticeChoice& out) const {
    look_up<Traits::kElements>(down ? down_ : up_, weights, scales, out.points);
    std::fill(std::begin(out.down), std::end(out.down), down);
  }
  /// Takes pieces, or groups where the shift is common to them, that are better in `other`; `taken` is told which.
  template <class Taken>
  static HWY_INLINE void take_better(const float* scales, const LatticeChoice& other, std::size_t pieces,
                                     LatticeChoice& best, const Taken& taken) {
    constexpr std::size_t kShared =
        Traits::kSignedLevels && !Traits::kShiftPerPiece ? Traits::kGroupPieces : 1;
    for (std::size_t first = 0; first < pieces; first += kShared) {
      float gain = 0;
      for (std::size_t p = first; p < first + kShared; ++p)
        gain += best.error(p, scales[p]) - other.error(p, scales[p]);
      if (!(gain > 0.0f)) continue;
      for (std::size_t p = first; p < first + kShared; ++p) {
        best.take(p, other);
        taken(p);
      }
    }
  }
  static HWY_INLINE void take_better(const float* scales, const LatticeChoice& other, std::size_t pieces,
                                     LatticeChoice& best) {
    take_better(scales, other, pieces, best, [](std::size_t) {});
  }

 private:
  GridView up_, down_;
};

/// Everything that is stored in a block.
template <class Type>
struct LatticeState {
  using Traits = LatticeTraits<Type>;
  float d = 0;
  int codes[Traits::kGroups] = {};
  float errors[Traits::kGroups] = {};  // relative_error()
  LatticeChoice choice;

  float scale(std::size_t group) const { return d * static_cast<float>(2 * codes[group] + 1); }
  float error() const {
    float sum = 0;
    for (const float e : errors) sum += e;
    return sum;
  }
  /// The best super-scale for these points.
  float refitted() const {
    float a = 0, b = 0;
    for (std::size_t g = 0; g < Traits::kGroups; ++g) {
      const float multiple = static_cast<float>(2 * codes[g] + 1);
      a += multiple * group_sum<Type>(choice.points.a, g);
      b += (multiple * multiple) * group_sum<Type>(choice.points.b, g);
    }
    return a > 0.0f && b > 0.0f ? nonzero_f16(a / b) : d;
  }
  void update_errors() {
    for (std::size_t g = 0; g < Traits::kGroups; ++g)
      errors[g] =
          relative_error(scale(g), group_sum<Type>(choice.points.a, g), group_sum<Type>(choice.points.b, g));
  }
  /// Takes the refitted super-scale if that is better.
  void refit() {
    const float before = d, old_error = error();
    d = refitted();
    update_errors();
    if (error() < old_error) return;
    d = before;
    update_errors();
  }
  /// A block that fits but for the rounding of d (one magnitude everywhere) can have any scale code: takes the one that rounds best.
  void round_best(float squares) {
    constexpr float kExactFit =
        0x1p-18f;  // share of the squares that 11 bits of d leave, with a margin for f32 sums
    for (const int code : codes)
      if (code != codes[0]) return;
    if (error() + squares > kExactFit * squares) return;
    float a = 0, b = 0;
    for (std::size_t g = 0; g < Traits::kGroups; ++g) {
      a += group_sum<Type>(choice.points.a, g);
      b += group_sum<Type>(choice.points.b, g);
    }
    const float wanted = a / b;
    float least = std::abs(scale(0) - wanted);
    for (int code = 0; code < Type::kScaleCodes; ++code) {
      const float multiple = static_cast<float>(2 * code + 1), rounded = nonzero_f16(wanted / multiple);
      const float difference = std::abs(rounded * multiple - wanted);
      if (!(difference < least)) continue;
      least = difference;
      d = rounded;
      std::fill(std::begin(codes), std::end(codes), code);
    }
  }
  void take(std::size_t group, int code, float error_now, const LatticeChoice& from) {
    codes[group] = code;
    errors[group] = error_now;
    for (std::size_t p = group * Traits::kGroupPieces; p < (group + 1) * Traits::kGroupPieces; ++p)
      choice.take(p, from);
  }
};

}  // namespace pq::gguf_iq::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
