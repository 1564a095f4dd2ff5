// A block of 256 weights, and what has been chosen for it. Include after hwy/foreach_target.h.

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

#include <algorithm>
#include <bit>
#include <cmath>

HWY_BEFORE_NAMESPACE();
namespace pq::gguf_iq::HWY_NAMESPACE {

template <class Type>
struct LatticeTraits {
  static constexpr int kElements = grid_elements(Type::kGrid);
  static constexpr bool kSignedLevels = Type::kGrid == GridId::iq1s;
  static constexpr bool kShiftPerPiece = kSignedLevels && Type::kGroup == 16;
  static constexpr std::size_t kGroups = 256 / Type::kGroup, kGroupPieces = Type::kGroup / 8;
  static constexpr float kLargestScale = static_cast<float>(2 * Type::kScaleCodes - 1);  // multiple of d
};

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

/// Weights on their way through an encoder.
template <class Type>
class LatticeBlock {
  using Traits = LatticeTraits<Type>;

 public:
  void load(const float* from, const float* w, const float* costs, std::size_t units = kBlockUnits) {
    w_ = w;
    costs_ = costs;
    units_ = units;
    for (std::size_t p = 0; p < kPieces * units; ++p) {
      std::copy_n(from + 8 * p, 4, x_ + place_of(p, 0));
      std::copy_n(from + 8 * p + 4, 4, x_ + place_of(p, 4));
    }
    prepare_weights();
    for (std::size_t p = 0; p < kPieces * units; ++p) measure_piece(p);
  }

  BlockWeights weights() const { return {x_, wx_, w_, costs_, units_}; }
  const float* squares() const { return squares_; }    // sum w x^2 of each piece
  const float* importance() const { return weight_; }  // sum w
  float largest(std::size_t p) const { return largest_[p]; }
  std::uint8_t signs(std::size_t p) const { return signs_[p]; }
  bool is_odd(std::size_t p) const { return flipped_[p] < 8; }
  std::uint8_t flipped(std::size_t p) const { return flipped_[p]; }

  /// Gives the wrong sign of an odd piece to another weight.
  void flip_instead(std::size_t p, std::uint8_t weight) {
    toggle(p, flipped_[p], true);
    toggle(p, weight, true);
    flipped_[p] = weight;
  }
  /// The `count` weights of a piece for which a wrong sign costs least, cheapest first.
  void flip_order(std::size_t p, std::size_t count, std::uint8_t* order) const {
    std::uint32_t prices[8];
    for (std::size_t j = 0; j < 8; ++j) prices[j] = price(p, j);
    for (std::size_t n = 0; n < count; ++n) {
      const std::uint32_t least = *std::min_element(prices, prices + 8);
      order[n] = static_cast<std::uint8_t>(least & 7u);
      for (std::uint32_t& other : prices) other = other == least ? ~0u : other;
    }
  }

 private:
  // Loops without branches, so that compilers make SIMD code of them.
  void prepare_weights() {
    for (std::size_t i = 0; i < kUnit * units_; ++i) {
      const float number = x_[i] == x_[i] ? x_[i] : 0.0f;  // finite_weight()
      const float lower = number < kLargestPeak ? number : kLargestPeak;
      const float value = lower > -kLargestPeak ? lower : -kLargestPeak;
      negative_[i] = value < 0.0f ? 1 : 0;
      magnitude_[i] = std::abs(value);
      x_[i] = Traits::kSignedLevels ? value : magnitude_[i];
      wx_[i] = w_[i] * x_[i];
      product_[i] = wx_[i] * x_[i];
    }
  }
  void measure_piece(std::size_t p) {
    float sum = 0, weight = 0, largest = 0;
    unsigned signs = 0;
    std::uint32_t least = ~0u;
    for (std::size_t j = 0; j < 8; ++j) {
      const std::size_t at = place_of(p, j);
      sum += product_[at];
      weight += w_[at];
      largest = std::max(largest, magnitude_[at]);
      if constexpr (!Traits::kSignedLevels) signs |= static_cast<unsigned>(negative_[at]) << j;
      if constexpr (Type::kEvenSigns) least = std::min(least, price(p, j));
    }
    squares_[p] = sum;
    weight_[p] = weight;
    largest_[p] = largest;
    signs_[p] = static_cast<std::uint8_t>(signs);
    flipped_[p] = 8;
    if constexpr (Type::kEvenSigns) {
      const bool odd = std::popcount(signs) % 2 != 0;
      const auto weight_number = static_cast<std::uint8_t>(least & 7u);
      toggle(p, weight_number, odd);
      flipped_[p] = odd ? weight_number : std::uint8_t{8};
    }
  }
  /// What a wrong sign costs, as the bits of a positive float, but for the lowest three: the weight's number.
  std::uint32_t price(std::size_t p, std::size_t j) const {
    return (std::bit_cast<std::uint32_t>(wx_[place_of(p, j)]) & 0x7FFFFFF8u) | static_cast<std::uint32_t>(j);
  }
  void toggle(std::size_t p, std::size_t weight, bool really) {
    const std::size_t at = place_of(p, weight);
    const std::uint32_t sign = really ? 0x80000000u : 0u;
    x_[at] = std::bit_cast<float>(std::bit_cast<std::uint32_t>(x_[at]) ^ sign);
    wx_[at] = std::bit_cast<float>(std::bit_cast<std::uint32_t>(wx_[at]) ^ sign);
    signs_[p] = static_cast<std::uint8_t>(signs_[p] ^ (really ? 1u : 0u) << weight);
  }

  alignas(64) float x_[256];
  alignas(64) float wx_[256];
  alignas(64) float magnitude_[256];
  alignas(64) float product_[256];  // w x^2
  std::uint8_t negative_[256];
  const float *w_, *costs_;
  std::size_t units_;
  float squares_[kBlockPieces], weight_[kBlockPieces], largest_[kBlockPieces];
  std::uint8_t signs_[kBlockPieces];
  std::uint8_t flipped_[kBlockPieces];  // the weight of an odd piece that has the wrong sign, 8: none
};

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
