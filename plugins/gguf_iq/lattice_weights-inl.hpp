// The weights of a block on their way through an encoder. Include after hwy/foreach_target.h.

// clang-format off
#if defined(PQ_GGUF_LATTICE_WEIGHTS_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef PQ_GGUF_LATTICE_WEIGHTS_INL_HPP
#undef PQ_GGUF_LATTICE_WEIGHTS_INL_HPP
#else
#define PQ_GGUF_LATTICE_WEIGHTS_INL_HPP
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

/// 256 weights, or the first units of them. The plain loops of HWY_SCALAR define what is measured.
template <class Type>
class LatticeBlock {
  using Traits = LatticeTraits<Type>;

 public:
  void load(const float* from, const float* w, const float* costs, std::size_t units = kBlockUnits) {
    w_ = w;
    costs_ = costs;
    units_ = units;
    for (std::size_t p = 0; p < kPieces * units; p += kAtOnce) load_pieces_at(p, from + 8 * p);
  }

  BlockWeights weights() const { return {x_, wx_, w_, costs_, units_}; }
  BlockWeights unit(std::size_t u) const {
    return {x_ + kUnit * u, wx_ + kUnit * u, w_ + kUnit * u, costs_ + kUnit * u, 1};
  }
  const float* squares() const { return squares_; }    // sum w x^2 of each piece
  const float* importance() const { return weight_; }  // sum w
  float largest(std::size_t p) const { return largest_[p]; }
  std::uint8_t signs(std::size_t p) const { return static_cast<std::uint8_t>(signs_[p]); }
  bool is_odd(std::size_t p) const { return flipped_[p] < kNone; }
  std::uint8_t flipped(std::size_t p) const { return static_cast<std::uint8_t>(flipped_[p]); }

  /// Gives the wrong sign of an odd piece to another weight.
  void flip_instead(std::size_t p, std::uint8_t weight) {
    toggle(p, static_cast<std::size_t>(flipped_[p]));
    toggle(p, weight);
    flipped_[p] = weight;
  }
  /// The `count` weights of a piece for which a wrong sign costs least, cheapest first.
  void flip_order(std::size_t p, std::size_t count, std::uint8_t* order) const {
    std::int32_t prices[8];
    for (std::size_t j = 0; j < 8; ++j) prices[j] = price(wx_[place_of(p, j)], j);
    for (std::size_t n = 0; n < count; ++n) {
      const std::int32_t least = *std::min_element(prices, prices + 8);
      order[n] = static_cast<std::uint8_t>(least & 7);
      for (std::int32_t& other : prices) other = other == least ? kHighest : other;
    }
  }

 private:
  static constexpr std::int32_t kNone = 8;  // in the place of a weight's number
  static constexpr std::int32_t kPriceBits = 0x7FFFFFF8, kHighest = 0x7FFFFFFF;

  /// What a wrong sign costs, as the bits of a positive float, but for the lowest three: the weight's number.
  static std::int32_t price(float wx, std::size_t j) {
    return (std::bit_cast<std::int32_t>(wx) & kPriceBits) | static_cast<std::int32_t>(j);
  }
  void toggle(std::size_t p, std::size_t weight) {
    const std::size_t at = place_of(p, weight);
    x_[at] = -x_[at];
    wx_[at] = -wx_[at];
    signs_[p] ^= 1 << weight;
  }

#if HWY_TARGET == HWY_SCALAR
  static constexpr std::size_t kAtOnce = 1;

  void load_pieces_at(std::size_t p, const float* from) {
    float squares[8], largest = 0;
    std::int32_t signs = 0, least = kHighest;
    for (std::size_t j = 0; j < 8; ++j) {
      const std::size_t at = place_of(p, j);
      const float value = finite_weight(from[j]);
      x_[at] = Traits::kSignedLevels ? value : std::abs(value);
      wx_[at] = w_[at] * x_[at];
      squares[j] = wx_[at] * x_[at];
      largest = std::max(largest, std::abs(value));
      signs |= value < 0.0f ? 1 << j : 0;
      least = std::min(least, price(wx_[at], j));
    }
    const auto sum = [](const auto& value) {
      return ((value(0) + value(4)) + (value(1) + value(5))) +
             ((value(2) + value(6)) + (value(3) + value(7)));
    };
    squares_[p] = sum([&](std::size_t j) { return squares[j]; });
    weight_[p] = sum([&](std::size_t j) { return w_[place_of(p, j)]; });
    largest_[p] = largest;
    signs_[p] = Traits::kSignedLevels ? 0 : signs;
    flipped_[p] = kNone;
    if (!Type::kEvenSigns || std::popcount(static_cast<unsigned>(signs)) % 2 == 0) return;
    flipped_[p] = least & 7;
    toggle(p, static_cast<std::size_t>(least & 7));
  }
#else
  static constexpr std::size_t kAtOnce = kBlocks;

  /// The first of each four lanes.
  template <class D, class T>
  static HWY_INLINE void store_firsts(hn::Vec<D> v, D d, T* out) {
    HWY_ALIGN T lanes[kLanes];
    hn::Store(v, d, lanes);
    for (std::size_t k = 0; k < kBlocks; ++k) out[k] = lanes[4 * k];
  }
  /// What four lanes are together, in all of them.
  template <class V, class Join>
  static HWY_INLINE V join_four(V v, const Join& join) {
    const V pairs = join(v, hn::Shuffle2301(v));
    return join(pairs, hn::Shuffle1032(pairs));
  }

  HWY_INLINE void load_pieces_at(std::size_t p, const float* from) {
    const F32 d;
    const I32 di;
    alignas(16) static constexpr std::int32_t kNumbers[2][4] = {{0, 1, 2, 3}, {4, 5, 6, 7}};
    alignas(16) static constexpr std::int32_t kBits[2][4] = {{1, 2, 4, 8}, {16, 32, 64, 128}};
    const VF zero = hn::Zero(d), limit = hn::Set(d, kLargestPeak);
    VF x[2], wx[2], magnitude[2], w[2], square[2];
    VI bits[2], price[2];
    for (std::size_t h = 0; h < 2; ++h) {
      const VF raw = load_pieces(Consecutive<2>{from + 4 * h}, 0, 0);
      const VF number = hn::IfThenElseZero(hn::Eq(raw, raw), raw);
      const VF value = hn::Max(hn::Min(number, limit), hn::Neg(limit));  // finite_weight()
      magnitude[h] = hn::Abs(value);
      x[h] = Traits::kSignedLevels ? value : magnitude[h];
      w[h] = hn::LoadU(d, w_ + start(p, h));
      wx[h] = hn::Mul(w[h], x[h]);
      square[h] = hn::Mul(wx[h], x[h]);
      bits[h] = hn::IfThenElseZero(hn::RebindMask(di, hn::Lt(value, zero)), hn::LoadDup128(di, kBits[h]));
      price[h] =
          hn::Or(hn::And(hn::BitCast(di, wx[h]), hn::Set(di, kPriceBits)), hn::LoadDup128(di, kNumbers[h]));
    }
    const auto add = [](auto a, auto b) HWY_ATTR { return hn::Add(a, b); };
    const auto higher = [](auto a, auto b) HWY_ATTR { return hn::Max(a, b); };
    const auto lower = [](auto a, auto b) HWY_ATTR { return hn::Min(a, b); };
    const auto both = [](auto a, auto b) HWY_ATTR { return hn::Or(a, b); };
    store_firsts(join_four(hn::Add(square[0], square[1]), add), d, squares_ + p);
    store_firsts(join_four(hn::Add(w[0], w[1]), add), d, weight_ + p);
    store_firsts(join_four(hn::Max(magnitude[0], magnitude[1]), higher), d, largest_ + p);
    VI signs = hn::Zero(di), flipped = hn::Set(di, kNone);
    if constexpr (!Traits::kSignedLevels) signs = join_four(hn::Or(bits[0], bits[1]), both);
    if constexpr (Type::kEvenSigns) {
      VI parity = hn::Xor(signs, hn::ShiftRight<4>(signs));
      parity = hn::Xor(parity, hn::ShiftRight<2>(parity));
      parity = hn::And(hn::Xor(parity, hn::ShiftRight<1>(parity)), hn::Set(di, 1));
      const auto odd = hn::Ne(parity, hn::Zero(di));
      const VI least = join_four(hn::Min(price[0], price[1]), lower);
      VI wrong[2];
      for (std::size_t h = 0; h < 2; ++h) {
        const auto chosen = hn::And(odd, hn::Eq(price[h], least));
        const VF sign = hn::BitCast(d, hn::IfThenElseZero(chosen, hn::Set(di, -kHighest - 1)));
        x[h] = hn::Xor(x[h], sign);
        wx[h] = hn::Xor(wx[h], sign);
        wrong[h] = hn::IfThenElseZero(chosen, hn::LoadDup128(di, kBits[h]));
      }
      signs = hn::Xor(signs, join_four(hn::Or(wrong[0], wrong[1]), both));
      flipped = hn::IfThenElse(odd, hn::And(least, hn::Set(di, 7)), flipped);
    }
    store_firsts(signs, di, signs_ + p);
    store_firsts(flipped, di, flipped_ + p);
    for (std::size_t h = 0; h < 2; ++h) {
      hn::Store(x[h], d, x_ + start(p, h));
      hn::Store(wx[h], d, wx_ + start(p, h));
    }
  }
  static constexpr std::size_t start(std::size_t p, std::size_t half) { return place_of(p, 4 * half); }
#endif

  alignas(64) float x_[256];
  alignas(64) float wx_[256];
  const float *w_, *costs_;
  std::size_t units_;
  float squares_[kBlockPieces], weight_[kBlockPieces], largest_[kBlockPieces];
  std::int32_t signs_[kBlockPieces];
  std::int32_t flipped_[kBlockPieces];  // the weight of an odd piece that has the wrong sign, 8: none
};

}  // namespace pq::gguf_iq::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
