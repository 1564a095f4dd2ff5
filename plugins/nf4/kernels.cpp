#include "nf4/kernels.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nf4/kernels.cpp"
#include <hwy/foreach_target.h>
#include <polyquant/codec/lanes-inl.hpp>

HWY_BEFORE_NAMESPACE();
namespace pq::nf4::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using pq::HWY_NAMESPACE::F32;
using pq::HWY_NAMESPACE::kLanes;
using pq::HWY_NAMESPACE::VF;
constexpr std::size_t kParts = kStep / kLanes;

/// Finds nearest levels. Vectors of 16 lanes hold a whole table, and four comparisons find the level; narrower ones compare with all.
struct Finder {
  using U32 = pq::HWY_NAMESPACE::U32;
  static constexpr bool kLooksUp = kLanes == 16;
  explicit Finder(const Levels& table) : levels(table) {}

  HWY_INLINE VF operator()(VF y) const {
    const F32 d;
    if constexpr (kLooksUp) {
      return hn::TableLookupLanes(hn::Load(d, levels.level.data()), hn::IndicesFromVec(d, number(y)));
    } else {
      VF found = hn::Set(d, levels.level[0]);
      for (std::size_t k = 0; k < 15; ++k)
        found = hn::IfThenElse(hn::Gt(y, hn::Set(d, levels.threshold[k])), hn::Set(d, levels.level[k + 1]),
                               found);
      return found;
    }
  }

  /// Which of the rising levels is nearest (16 lanes).
  HWY_INLINE hn::Vec<U32> number(VF y) const {
    const F32 d;
    const U32 du;
    const VF thresholds = hn::Load(d, levels.threshold.data());
    hn::Vec<U32> found = hn::Zero(du);
    for (const std::uint32_t step : {8u, 4u, 2u, 1u}) {
      const auto at = hn::Add(found, hn::Set(du, step - 1));
      const VF threshold = hn::TableLookupLanes(thresholds, hn::IndicesFromVec(d, at));
      const auto above = hn::RebindMask(du, hn::Gt(y, threshold));
      found = hn::IfThenElse(above, hn::Add(found, hn::Set(du, step)), found);
    }
    return found;
  }

  const Levels& levels;
};

/// One sum in 16 lanes.
struct Sum {
  VF part[kParts];
  HWY_INLINE Sum() {
    for (VF& p : part) p = hn::Zero(F32());
  }
  HWY_INLINE void add(std::size_t p, VF v) { part[p] = hn::Add(part[p], v); }
  HWY_INLINE float total() const {
    alignas(64) float lane[kStep];
    for (std::size_t p = 0; p < kParts; ++p) hn::Store(part[p], F32(), lane + p * kLanes);
    for (std::size_t half = kStep / 2; half > 0; half /= 2)
      for (std::size_t i = 0; i < half; ++i) lane[i] += lane[i + half];
    return lane[0];
  }
};

float clean(const float* weights, std::size_t count, float* out) {
  const F32 d;
  const VF limit = hn::Set(d, std::numeric_limits<float>::max()), zero = hn::Zero(d);
  VF largest = zero;
  const auto take = [&](const float* from, float* to) HWY_ATTR {
    const VF v = hn::LoadU(d, from);
    const VF number = hn::IfThenElseZero(hn::Eq(v, v), v);
    const VF finite = hn::Max(hn::Min(number, limit), hn::Neg(limit));
    hn::StoreU(finite, d, to);
    largest = hn::Max(largest, hn::Abs(finite));
  };
  std::size_t i = 0;
  for (; i + kLanes <= count; i += kLanes) take(weights + i, out + i);
  if (i < count) {
    alignas(64) float rest[kStep] = {};
    std::copy(weights + i, weights + count, rest);
    take(rest, out + i);
    i += kLanes;
  }
  for (; i % kStep != 0; i += kLanes) hn::StoreU(zero, d, out + i);
  alignas(64) float lane[kLanes];
  hn::Store(largest, d, lane);
  return *std::max_element(lane, lane + kLanes);
}

void scaled(const float* x, std::size_t padded, float factor, float* y) {
  const F32 d;
  for (std::size_t i = 0; i < padded; i += kLanes)
    hn::StoreU(hn::Mul(hn::LoadU(d, x + i), hn::Set(d, factor)), d, y + i);
}

void codes(const Levels& levels, const float* x, std::size_t padded, float inverse, std::uint8_t* out) {
  const F32 d;
  const pq::HWY_NAMESPACE::I32 di;
  alignas(64) std::int32_t found[kStep];
  for (std::size_t i = 0; i < padded; i += kLanes) {
    const VF y = hn::Mul(hn::LoadU(d, x + i), hn::Set(d, inverse));
    if constexpr (Finder::kLooksUp) {
      hn::Store(hn::BitCast(di, Finder(levels).number(y)), di, found);
    } else {
      auto number = hn::Zero(di);
      for (std::size_t k = 0; k < 15; ++k)
        number = hn::Sub(number,
                         hn::VecFromMask(di, hn::RebindMask(di, hn::Gt(y, hn::Set(d, levels.threshold[k])))));
      hn::Store(number, di, found);
    }
    for (std::size_t k = 0; k < kLanes; ++k) out[i + k] = levels.code[static_cast<std::size_t>(found[k])];
  }
}

template <bool kWeighted>
float error_of(const Finder& nearest, const Block& block, float scale) {
  const F32 d;
  const VF s = hn::Set(d, scale), inverse = hn::Set(d, scale == 0.0f ? 0.0f : 1.0f / scale);
  Sum sum;
  for (std::size_t i = 0; i < block.padded; i += kStep)
    for (std::size_t p = 0; p < kParts; ++p) {
      const VF y = hn::LoadU(d, block.y + i + p * kLanes);
      const VF difference = hn::Sub(y, hn::Mul(s, nearest(hn::Mul(y, inverse))));
      VF square = hn::Mul(difference, difference);
      if constexpr (kWeighted) square = hn::Mul(square, hn::LoadU(d, block.importance + i + p * kLanes));
      sum.add(p, square);
    }
  return sum.total();
}

struct Moments {
  float a = 0.0f;  // sum w y q
  float b = 0.0f;  // sum w q^2
  float gain() const { return b > 0.0f ? a * a / b : 0.0f; }
};

template <bool kWeighted>
Moments moments_of(const Finder& nearest, const Block& block, float inverse) {
  const F32 d;
  const VF factor = hn::Set(d, inverse);
  Sum a, b;
  for (std::size_t i = 0; i < block.padded; i += kStep)
    for (std::size_t p = 0; p < kParts; ++p) {
      const VF y = hn::LoadU(d, block.y + i + p * kLanes);
      const VF q = nearest(hn::Mul(y, factor));
      VF wq = q;
      if constexpr (kWeighted) wq = hn::Mul(wq, hn::LoadU(d, block.importance + i + p * kLanes));
      a.add(p, hn::Mul(wq, y));
      b.add(p, hn::Mul(wq, q));
    }
  return {a.total(), b.total()};
}

/// The scale of the codes that a scale leads to is a / b; it leads to codes that are better still.
template <bool kWeighted>
float search_of(const Finder& nearest, const Block& block, std::span<const float> tries, bool both_signs) {
  Moments best;
  const auto consider = [&](float inverse) {
    const Moments found = moments_of<kWeighted>(nearest, block, inverse);
    if (found.gain() > best.gain()) best = found;
  };
  for (const float scale : tries) {
    consider(1.0f / scale);
    if (both_signs) consider(-1.0f / scale);
  }
  constexpr int kImprovements = 2;
  for (int i = 0; i < kImprovements; ++i)
    if (best.a != 0.0f) consider(best.b / best.a);
  if (!(best.b > 0.0f) || best.a == 0.0f) return 1.0f;
  const float scale = best.a / best.b;
  const bool better = error_of<kWeighted>(nearest, block, scale) < error_of<kWeighted>(nearest, block, 1.0f);
  return better ? scale : 1.0f;
}

float error(const Levels& levels, const Block& block, float scale) {
  const Finder nearest(levels);
  return block.importance == nullptr ? error_of<false>(nearest, block, scale)
                                     : error_of<true>(nearest, block, scale);
}
float search(const Levels& levels, const Block& block, std::span<const float> tries, bool both_signs) {
  const Finder nearest(levels);
  return block.importance == nullptr ? search_of<false>(nearest, block, tries, both_signs)
                                     : search_of<true>(nearest, block, tries, both_signs);
}

}  // namespace pq::nf4::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace pq::nf4 {
HWY_EXPORT(clean);
HWY_EXPORT(scaled);
HWY_EXPORT(codes);
HWY_EXPORT(error);
HWY_EXPORT(search);

float clean_block(const float* weights, std::size_t count, float* clean_weights) {
  return HWY_DYNAMIC_DISPATCH(clean)(weights, count, clean_weights);
}
void scaled_block(const float* x, std::size_t padded, float factor, float* y) {
  HWY_DYNAMIC_DISPATCH(scaled)(x, padded, factor, y);
}
void block_codes(const Levels& levels, const float* x, std::size_t padded, float inverse, std::uint8_t* out) {
  HWY_DYNAMIC_DISPATCH(codes)(levels, x, padded, inverse, out);
}
float block_error(const Levels& levels, const Block& block, float scale) {
  return HWY_DYNAMIC_DISPATCH(error)(levels, block, scale);
}
float best_scale(const Levels& levels, const Block& block, std::span<const float> tries, bool both_signs) {
  return HWY_DYNAMIC_DISPATCH(search)(levels, block, tries, both_signs);
}
}  // namespace pq::nf4
#endif
