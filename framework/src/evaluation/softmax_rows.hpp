// What evaluation needs of rows of logits. Exponentials in f32, sums in f64, in an order that does not depend on threads.
#pragma once

#include <limits>
#include <span>

namespace pq {

/// log(sum(exp(x))) of finite values. Callable from any thread.
double log_sum_exp(std::span<const float> logits) noexcept;

/// sum(p (log p - log q)) in nats, p and q the softmax of two rows of the same size whose log_sum_exp() are given. Terms whose log p is not
/// above `floor` are left out.
double kl_divergence(std::span<const float> p_logits, double p_log_sum, std::span<const float> q_logits,
                     double q_log_sum, double floor = -std::numeric_limits<double>::infinity()) noexcept;

/// Index of the largest value; of equal ones the first.
std::size_t largest(std::span<const float> logits) noexcept;

/// True if no value is NaN or infinite.
bool all_finite(std::span<const float> values) noexcept;

}  // namespace pq
