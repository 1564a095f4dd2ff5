// Loops over f32 numbers with the best instructions of the processor (Google Highway).
#pragma once

#include <polyquant/math_ops.hpp>

#include <cstddef>

namespace pq::cpu {

float largest(const float* x, std::size_t count);
/// x = exp(x - shift); returns the sum of the results.
float exponentials(float* x, std::size_t count, float shift);
/// The sum of exp(x - shift), in f64.
double sum_of_exponentials(const float* x, std::size_t count, float shift);
float sum(const float* x, std::size_t count);
/// The sum of (x - mean)^2.
float sum_of_squares(const float* x, std::size_t count, float mean);
/// x = cap * tanh(x / cap).
void soft_cap(float* x, std::size_t count, float cap);
/// out = activation(min(gate, limit)) * (clamp(up, -limit, limit) + up_offset). Without gelu.
void gated(const float* gate, const float* up, std::size_t count, const GluOptions& options, float* out);
/// x = activation(x). Without gelu.
void activate(float* x, std::size_t count, Activation activation);

}  // namespace pq::cpu
