// Rotary embedding: the angle of every pair of columns at every position, with all scalings of Hugging Face configurations.
#pragma once

#include "base/json.hpp"
#include "forward/batch.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace pq {

/// Parameters as config.json has them (transformers modeling_rope_utils.py).
struct RopeSpec {
  std::string type = "default";  // default linear dynamic llama3 yarn longrope su
  double base = 10000;
  std::int64_t width = 0;  // rotated columns of a head
  double factor = 1;
  double context = 0;           // max_position_embeddings
  double original_context = 0;  // of the model before it was stretched
  double low_freq_factor = 1, high_freq_factor = 4;
  double beta_fast = 32, beta_slow = 1;
  bool truncate = true;
  double attention_factor = 0;  // 0 = by the rule of the type
  double mscale = 0, mscale_all_dim = 0;
  std::vector<double> short_factors, long_factors;
};

/// What a text of `length` tokens is rotated by.
struct RopeFrequencies {
  std::vector<float> per_token;  // angle of pair j at position 1
  float amplitude = 1;           // of cosine and sine
};
RopeFrequencies rope_frequencies(const RopeSpec& spec, std::int64_t length);

/// Row by row of the batch, [rows, width / 2].
struct RopeTable {
  std::vector<float> cosines, sines;
};
RopeTable rope_table(const RopeSpec& spec, const Batch& batch);

/// yarn's factor 0.1 * scale * ln(factor) + 1; 1 if factor <= 1.
double yarn_amplitude(double factor, double scale);

}  // namespace pq
