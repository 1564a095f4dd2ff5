#include "forward/rope.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace pq {
namespace {

constexpr double kTwoPi = 2 * std::numbers::pi;

std::vector<double> unscaled(double base, std::int64_t width) {
  std::vector<double> result(static_cast<std::size_t>(width / 2));
  for (std::size_t j = 0; j < result.size(); ++j)
    result[j] = std::pow(base, -2.0 * static_cast<double>(j) / static_cast<double>(width));
  return result;
}

void scale_llama3(const RopeSpec& spec, std::vector<double>& frequencies) {
  const double low = spec.low_freq_factor, high = spec.high_freq_factor;
  for (double& frequency : frequencies) {
    const double turns = spec.original_context * frequency / kTwoPi;  // within the original context
    if (turns > high) continue;
    const double smooth = turns < low ? 0.0 : (turns - low) / (high - low);
    frequency *= (1 - smooth) / spec.factor + smooth;
  }
}

// Pairs that turn often keep their frequency, those that turn seldom are stretched; a ramp lies between.
void scale_yarn(const RopeSpec& spec, std::vector<double>& frequencies) {
  const auto width = static_cast<double>(spec.width);
  const auto pair_of = [&](double turns) {
    return width * std::log(spec.original_context / (turns * kTwoPi)) / (2 * std::log(spec.base));
  };
  double low = pair_of(spec.beta_fast), high = pair_of(spec.beta_slow);
  if (spec.truncate) {
    low = std::floor(low);
    high = std::ceil(high);
  }
  low = std::max(low, 0.0);
  high = std::min(high, width - 1);
  if (low == high) high += 0.001;
  for (std::size_t j = 0; j < frequencies.size(); ++j) {
    const double ramp = std::clamp((static_cast<double>(j) - low) / (high - low), 0.0, 1.0);
    frequencies[j] *= (1 - ramp) + ramp / spec.factor;
  }
}

double yarn_attention(const RopeSpec& spec) {
  if (spec.attention_factor > 0) return spec.attention_factor;
  if (spec.mscale > 0 && spec.mscale_all_dim > 0)
    return yarn_amplitude(spec.factor, spec.mscale) / yarn_amplitude(spec.factor, spec.mscale_all_dim);
  return yarn_amplitude(spec.factor, 1);
}

double longrope_attention(const RopeSpec& spec) {
  if (spec.attention_factor > 0) return spec.attention_factor;
  const double stretch = spec.context / spec.original_context;
  return stretch <= 1 ? 1.0 : std::sqrt(1 + std::log(stretch) / std::log(spec.original_context));
}

}  // namespace

double yarn_amplitude(double factor, double scale) {
  return factor <= 1 ? 1.0 : 0.1 * scale * std::log(factor) + 1;
}

RopeFrequencies rope_frequencies(const RopeSpec& spec, std::int64_t length) {
  const auto tokens = static_cast<double>(length), width = static_cast<double>(spec.width);
  double base = spec.base, amplitude = 1;
  if (spec.type == "dynamic" && tokens > spec.context)
    base *= std::pow(spec.factor * tokens / spec.context - (spec.factor - 1), width / (width - 2));
  std::vector<double> frequencies = unscaled(base, spec.width);
  if (spec.type == "linear") {
    for (double& frequency : frequencies) frequency /= spec.factor;
  } else if (spec.type == "llama3") {
    scale_llama3(spec, frequencies);
  } else if (spec.type == "yarn") {
    scale_yarn(spec, frequencies);
    amplitude = yarn_attention(spec);
  } else if (spec.type == "longrope" || spec.type == "su") {
    const auto& factors = tokens > spec.original_context ? spec.long_factors : spec.short_factors;
    for (std::size_t j = 0; j < frequencies.size(); ++j) frequencies[j] /= factors[j];
    amplitude = longrope_attention(spec);
  }
  return {{frequencies.begin(), frequencies.end()}, static_cast<float>(amplitude)};
}

RopeTable rope_table(const RopeSpec& spec, const Batch& batch) {
  RopeTable table;
  const auto size = static_cast<std::size_t>(batch.rows() * (spec.width / 2));
  table.cosines.reserve(size);
  table.sines.reserve(size);
  for (std::size_t t = 0; t < batch.texts(); ++t) {
    const RopeFrequencies frequencies = rope_frequencies(spec, batch.length(t));
    const auto amplitude = static_cast<double>(frequencies.amplitude);
    for (std::int64_t position = 0; position < batch.length(t); ++position)
      for (const float frequency : frequencies.per_token) {
        // The angle is rounded to f32, as the models were trained with.
        const auto angle = static_cast<double>(frequency * static_cast<float>(position));
        table.cosines.push_back(static_cast<float>(amplitude * std::cos(angle)));
        table.sines.push_back(static_cast<float>(amplitude * std::sin(angle)));
      }
  }
  return table;
}

}  // namespace pq
