#include "evaluation/softmax_rows.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "evaluation/softmax_rows.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
// After highway.h.
#include <hwy/contrib/math/math-inl.h>

HWY_BEFORE_NAMESPACE();
namespace pq::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;
using F64 = hn::ScalableTag<double>;
using F32 = hn::Rebind<float, F64>;

double log_sum_exp_fast(const float* x, std::size_t count) {
  const F32 d;
  const std::size_t lanes = hn::Lanes(d), whole = count - count % lanes;
  const float top = *std::max_element(x, x + count);
  auto sum = hn::Zero(F64());
  const auto tops = hn::Set(d, top);
  for (std::size_t i = 0; i < whole; i += lanes)
    sum = hn::Add(sum, hn::PromoteTo(F64(), hn::Exp(d, hn::Sub(hn::LoadU(d, x + i), tops))));
  double rest = 0;
  for (std::size_t i = whole; i < count; ++i) rest += static_cast<double>(std::exp(x[i] - top));
  return static_cast<double>(top) + std::log(hn::GetLane(hn::SumOfLanes(F64(), sum)) + rest);
}

double kl_divergence_fast(const float* p, double p_log_sum, const float* q, double q_log_sum, double floor,
                          std::size_t count) {
  const F32 d;
  const std::size_t lanes = hn::Lanes(d), whole = count - count % lanes;
  const float p_sum = static_cast<float>(p_log_sum), shift = static_cast<float>(p_log_sum - q_log_sum),
              least = static_cast<float>(floor);
  auto sum = hn::Zero(F64());
  const auto p_sums = hn::Set(d, p_sum), shifts = hn::Set(d, shift), leasts = hn::Set(d, least);
  for (std::size_t i = 0; i < whole; i += lanes) {
    const auto a = hn::LoadU(d, p + i);
    const auto log_p = hn::Sub(a, p_sums);
    const auto probability = hn::IfThenElseZero(hn::Gt(log_p, leasts), hn::Exp(d, log_p));
    sum = hn::Add(
        sum, hn::PromoteTo(F64(), hn::Mul(probability, hn::Sub(hn::Sub(a, hn::LoadU(d, q + i)), shifts))));
  }
  double rest = 0;
  for (std::size_t i = whole; i < count; ++i)
    if (p[i] - p_sum > least) rest += static_cast<double>(std::exp(p[i] - p_sum) * (p[i] - q[i] - shift));
  return hn::GetLane(hn::SumOfLanes(F64(), sum)) + rest;
}

}  // namespace
}  // namespace pq::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace pq {
HWY_EXPORT(log_sum_exp_fast);
HWY_EXPORT(kl_divergence_fast);

double log_sum_exp(std::span<const float> logits) noexcept {
  return HWY_DYNAMIC_DISPATCH(log_sum_exp_fast)(logits.data(), logits.size());
}

double kl_divergence(std::span<const float> p_logits, double p_log_sum, std::span<const float> q_logits,
                     double q_log_sum, double floor) noexcept {
  return HWY_DYNAMIC_DISPATCH(kl_divergence_fast)(p_logits.data(), p_log_sum, q_logits.data(), q_log_sum,
                                                  floor, p_logits.size());
}

std::size_t largest(std::span<const float> logits) noexcept {
  return static_cast<std::size_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
}

bool all_finite(std::span<const float> values) noexcept {
  return std::all_of(values.begin(), values.end(), [](float x) { return std::isfinite(x); });
}

}  // namespace pq
#endif
