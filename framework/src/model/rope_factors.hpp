// Rotary scaling that GGUF stores as a tensor of divisors instead of keys.
#pragma once

#include "base/json.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace pq {

/// Parameters of "llama3" scaling (transformers modeling_rope_utils.py).
struct Llama3Scaling {
  double factor = 8;
  double low_freq_factor = 1;
  double high_freq_factor = 4;
  double original_context = 8192;
};

/// Element j of rope_freqs.weight: what inv_freq[j] is divided by; `dim` is the rotary width.
std::vector<float> llama3_rope_factors(double base, std::int64_t dim, const Llama3Scaling& scaling);

/// The scaling that gives these factors to 1e-6, with low 1 and high 4 and the original contexts that models have; false if there is none.
bool find_llama3_scaling(std::span<const float> factors, double base, Llama3Scaling& scaling);

/// The functions llama3_factors(base, dim, factor, low, high, original) and llama3_scaling(factors, base, 'factor') of
/// expressions.
bool call_rope_function(const std::string& function, const std::vector<Json>& arguments, Json& result);

}  // namespace pq
