#include "run/row_measures.hpp"

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "run/row_measures.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace pq::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// At most eight lanes, so that every width adds the same numbers to the same sum.
using D = hn::CappedTag<double, 8>;
using DF = hn::Rebind<float, D>;

// Products and sums are separate instructions: fused ones would round differently.
RowError row_error_fast(const float* wanted, const float* got, std::size_t count) {
  constexpr D d;
  constexpr DF df;
  constexpr std::size_t kVectors = 8 / hn::MaxLanes(D());
  using V = hn::Vec<D>;
  V error[kVectors], weight[kVectors];
  for (std::size_t v = 0; v < kVectors; ++v) error[v] = weight[v] = hn::Zero(d);
  std::size_t i = 0;
  for (; i + 8 <= count; i += 8)
    for (std::size_t v = 0; v < kVectors; ++v) {
      const std::size_t at = i + v * hn::MaxLanes(D());
      const V w = hn::PromoteTo(d, hn::LoadU(df, wanted + at));
      const V difference = hn::Sub(hn::PromoteTo(d, hn::LoadU(df, got + at)), w);
      error[v] = hn::Add(error[v], hn::Mul(difference, difference));
      weight[v] = hn::Add(weight[v], hn::Mul(w, w));
    }
  HWY_ALIGN double errors[8], weights[8];
  for (std::size_t v = 0; v < kVectors; ++v) {
    hn::StoreU(error[v], d, errors + v * hn::MaxLanes(D()));
    hn::StoreU(weight[v], d, weights + v * hn::MaxLanes(D()));
  }
  for (std::size_t lane = 0; i < count; ++i, ++lane) {
    const double w = double{wanted[i]}, difference = double{got[i]} - w;
    errors[lane] += difference * difference;
    weights[lane] += w * w;
  }
  RowError sum;
  for (std::size_t lane = 0; lane < 8; ++lane) {
    sum.squared_error += errors[lane];
    sum.squared_weight += weights[lane];
  }
  return sum;
}

bool row_is_finite_fast(const float* row, std::size_t count) {
  constexpr hn::ScalableTag<std::uint32_t> d;
  const auto exponent = hn::Set(d, 0x7F800000u);
  auto bad = hn::Zero(d);  // all bits of a lane that saw an exponent of all ones
  std::size_t i = 0;
  for (const std::size_t lanes = hn::Lanes(d); i + lanes <= count; i += lanes) {
    const auto bits = hn::BitCast(d, hn::LoadU(hn::ScalableTag<float>(), row + i));
    bad = hn::Or(bad, hn::VecFromMask(d, hn::Eq(hn::And(bits, exponent), exponent)));
  }
  bool finite = hn::AllTrue(d, hn::Eq(bad, hn::Zero(d)));
  for (; i < count; ++i)
    finite = finite && (std::bit_cast<std::uint32_t>(row[i]) & 0x7F800000u) != 0x7F800000u;
  return finite;
}

}  // namespace pq::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace pq {
namespace {
HWY_EXPORT(row_error_fast);
HWY_EXPORT(row_is_finite_fast);
}  // namespace

RowError row_error(std::span<const float> wanted, std::span<const float> got) {
  return HWY_DYNAMIC_DISPATCH(row_error_fast)(wanted.data(), got.data(), wanted.size());
}

bool row_is_finite(std::span<const float> row) {
  return HWY_DYNAMIC_DISPATCH(row_is_finite_fast)(row.data(), row.size());
}

RowError row_error_reference(std::span<const float> wanted, std::span<const float> got) {
  std::array<double, 8> errors = {}, weights = {};
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const double w = double{wanted[i]}, difference = double{got[i]} - w;
    errors[i % 8] += difference * difference;
    weights[i % 8] += w * w;
  }
  RowError sum;
  for (std::size_t lane = 0; lane < 8; ++lane) {
    sum.squared_error += errors[lane];
    sum.squared_weight += weights[lane];
  }
  return sum;
}

}  // namespace pq
#endif
