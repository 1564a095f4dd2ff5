#include "products.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gptq/products.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace pq::gptq::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using F32 = hn::CappedTag<float, 16>;

/// Columns whose sums are in registers at a time, twice: with 32 registers a whole panel, else half of one.
#if HWY_TARGET <= HWY_AVX3
constexpr std::size_t kCols = kPanel;
#else
constexpr std::size_t kCols = kPanel / 2;
#endif

/// kCols columns of two vectors of lanes.
HWY_INLINE void add_piece(const float* HWY_RESTRICT panel, std::size_t depth, const float* HWY_RESTRICT in,
                          float* HWY_RESTRICT out) {
  const F32 d;
  constexpr std::size_t kVector = hn::MaxLanes(F32());
  using V = hn::Vec<F32>;
  V a[kCols], b[kCols];
  for (std::size_t j = 0; j < kCols; ++j) {
    a[j] = hn::Load(d, out + j * kLanes);
    b[j] = hn::Load(d, out + j * kLanes + kVector);
  }
  for (std::size_t i = 0; i < depth; ++i) {
    const V x = hn::Load(d, in + i * kLanes), y = hn::Load(d, in + i * kLanes + kVector);
    for (std::size_t j = 0; j < kCols; ++j) {
      const V factor = hn::Set(d, panel[i * kPanel + j]);
      a[j] = hn::MulAdd(factor, x, a[j]);
      b[j] = hn::MulAdd(factor, y, b[j]);
    }
  }
  for (std::size_t j = 0; j < kCols; ++j) {
    hn::Store(a[j], d, out + j * kLanes);
    hn::Store(b[j], d, out + j * kLanes + kVector);
  }
}

void add_product_now(const float* panel, std::size_t depth, const float* in, float* out) {
  constexpr std::size_t kStep = 2 * hn::MaxLanes(F32());
  // A stretch of `in` that stays in the nearest cache for all columns of the panel.
  constexpr std::size_t kStretch = 96;
  for (std::size_t first = 0; first < depth; first += kStretch) {
    const std::size_t count = depth - first < kStretch ? depth - first : kStretch;
    for (std::size_t j = 0; j < kPanel; j += kCols)
      for (std::size_t lane = 0; lane < kLanes; lane += kStep)
        add_piece(panel + first * kPanel + j, count, in + first * kLanes + lane, out + j * kLanes + lane);
  }
}

}  // namespace pq::gptq::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace pq::gptq {
HWY_EXPORT(add_product_now);

void add_product(const float* panel, std::size_t depth, const float* in, float* out) {
  HWY_DYNAMIC_DISPATCH(add_product_now)(panel, depth, in, out);
}
}  // namespace pq::gptq
#endif
