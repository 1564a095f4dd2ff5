#include "products.hpp"

#include <algorithm>
#include <cmath>
#include <type_traits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gptq/products.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace pq::gptq::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
template <class T>
using Tag = hn::CappedTag<T, 64 / sizeof(T)>;

/// Columns whose sums are in registers at a time, twice: with 32 registers a whole panel, else half of one.
#if HWY_TARGET <= HWY_AVX3
constexpr std::size_t kCols = kPanel;
#else
constexpr std::size_t kCols = kPanel / 2;
#endif

/// a factor * x added in f32, subtracted in f64.
template <class T, class V>
HWY_INLINE V multiply(V factor, V x, V sum) {
  if constexpr (std::is_same_v<T, float>)
    return hn::MulAdd(factor, x, sum);
  else
    return hn::NegMulAdd(factor, x, sum);
}

/// kCols columns of two vectors of lanes.
template <class T>
HWY_INLINE void add_piece(const T* HWY_RESTRICT factors, std::size_t stride, std::size_t depth,
                          const T* HWY_RESTRICT in, T* HWY_RESTRICT out) {
  const Tag<T> d;
  constexpr std::size_t kVector = hn::MaxLanes(Tag<T>());
  using V = hn::Vec<Tag<T>>;
  V a[kCols], b[kCols];
  for (std::size_t j = 0; j < kCols; ++j) {
    a[j] = hn::Load(d, out + j * kLanes);
    b[j] = hn::Load(d, out + j * kLanes + kVector);
  }
  for (std::size_t i = 0; i < depth; ++i) {
    const V x = hn::Load(d, in + i * kLanes), y = hn::Load(d, in + i * kLanes + kVector);
    for (std::size_t j = 0; j < kCols; ++j) {
      const V factor = hn::Set(d, factors[i * stride + j]);
      a[j] = multiply<T>(factor, x, a[j]);
      b[j] = multiply<T>(factor, y, b[j]);
    }
  }
  for (std::size_t j = 0; j < kCols; ++j) {
    hn::Store(a[j], d, out + j * kLanes);
    hn::Store(b[j], d, out + j * kLanes + kVector);
  }
}

template <class T>
HWY_INLINE void add_panel(const T* factors, std::size_t stride, std::size_t depth, const T* in, T* out) {
  constexpr std::size_t kStep = 2 * hn::MaxLanes(Tag<T>());
  for (std::size_t j = 0; j < kPanel; j += kCols)
    for (std::size_t lane = 0; lane < kLanes; lane += kStep)
      add_piece(factors + j, stride, depth, in + lane, out + j * kLanes + lane);
}

/// Rows of `in` that stay in the nearest cache for all panels: 24 KiB.
template <class T>
constexpr std::size_t kStretch = 384 / sizeof(T);

void add_products_now(const Panels& panels, std::size_t depth, const float* in, float* out) {
  for (std::size_t first = 0; first < depth; first += kStretch<float>)
    for (std::size_t t = 0; t < panels.count; ++t)
      add_panel(panels.first + t * panels.step + first * kPanel, kPanel,
                std::min(depth - first, kStretch<float>), in + first * kLanes, out + t * kPanel * kLanes);
}

void subtract_products_now(const double* factors, std::size_t stride, std::size_t cols, std::size_t depth,
                           const double* in, double* out) {
  for (std::size_t first = 0; first < depth; first += kStretch<double>)
    for (std::size_t j = 0; j < cols; j += kPanel)
      add_panel(factors + first * stride + j, stride, std::min(depth - first, kStretch<double>),
                in + first * kLanes, out + j * kLanes);
}

/// The columns of one panel, with all before it subtracted.
HWY_INLINE void solve_panel(const double* HWY_RESTRICT upper, std::size_t stride, double* HWY_RESTRICT tile) {
  const Tag<double> d;
  using V = hn::Vec<Tag<double>>;
  double inverse[kPanel];
  for (std::size_t j = 0; j < kPanel; ++j) inverse[j] = 1 / upper[j * stride + j];
  for (std::size_t lane = 0; lane < kLanes; lane += hn::MaxLanes(Tag<double>())) {
    V x[kPanel];
    for (std::size_t j = 0; j < kPanel; ++j) x[j] = hn::Load(d, tile + j * kLanes + lane);
    for (std::size_t j = 0; j < kPanel; ++j) {
      x[j] = hn::Mul(x[j], hn::Set(d, inverse[j]));
      for (std::size_t k = j + 1; k < kPanel; ++k)
        x[k] = hn::NegMulAdd(hn::Set(d, upper[j * stride + k]), x[j], x[k]);
    }
    for (std::size_t j = 0; j < kPanel; ++j) hn::Store(x[j], d, tile + j * kLanes + lane);
  }
}

void solve_upper_now(const double* upper, std::size_t stride, std::size_t cols, double* tile) {
  for (std::size_t j = 0; j < cols; j += kPanel) {
    subtract_products_now(upper + j, stride, kPanel, j, tile, tile + j * kLanes);
    solve_panel(upper + j * stride + j, stride, tile + j * kLanes);
  }
}

/// to -= factor * from, all lanes.
HWY_INLINE void subtract_column(double factor, const double* HWY_RESTRICT from, double* HWY_RESTRICT to) {
  const Tag<double> d;
  for (std::size_t lane = 0; lane < kLanes; lane += hn::MaxLanes(Tag<double>()))
    hn::Store(hn::NegMulAdd(hn::Set(d, factor), hn::Load(d, from + lane), hn::Load(d, to + lane)), d,
              to + lane);
}

bool factor_tile_now(double* tile) {
  const Tag<double> d;
  for (std::size_t j = 0; j < kLanes; ++j) {
    if (j % kPanel == 0) subtract_products_now(tile + j, kLanes, kPanel, j, tile, tile + j * kLanes);
    double* column = tile + j * kLanes;
    const double square = column[j];
    if (!(square > 0)) return false;
    const auto inverse = hn::Set(d, 1 / std::sqrt(square));
    for (std::size_t lane = 0; lane < kLanes; lane += hn::MaxLanes(Tag<double>()))
      hn::Store(hn::Mul(hn::Load(d, column + lane), inverse), d, column + lane);
    column[j] = std::sqrt(square);
    std::fill_n(column, j, 0.0);
    for (std::size_t k = j + 1; k % kPanel != 0; ++k) subtract_column(column[k], column, tile + k * kLanes);
  }
  return true;
}

}  // namespace pq::gptq::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace pq::gptq {
HWY_EXPORT(add_products_now);
HWY_EXPORT(subtract_products_now);
HWY_EXPORT(solve_upper_now);
HWY_EXPORT(factor_tile_now);

void add_products(const Panels& panels, std::size_t depth, const float* in, float* out) {
  HWY_DYNAMIC_DISPATCH(add_products_now)(panels, depth, in, out);
}

void subtract_products(const double* factors, std::size_t stride, std::size_t cols, std::size_t depth,
                       const double* in, double* out) {
  HWY_DYNAMIC_DISPATCH(subtract_products_now)(factors, stride, cols, depth, in, out);
}

void solve_upper(const double* upper, std::size_t stride, std::size_t cols, double* tile) {
  HWY_DYNAMIC_DISPATCH(solve_upper_now)(upper, stride, cols, tile);
}

bool factor_tile(double* tile) { return HWY_DYNAMIC_DISPATCH(factor_tile_now)(tile); }
}  // namespace pq::gptq
#endif
