#include "model/rope_factors.hpp"

#include <polyquant/base/error.hpp>

#include <algorithm>
#include <cmath>
#include <numbers>

namespace pq {
namespace {

constexpr double kTolerance = 1e-6;  // the factors are stored as f32
constexpr std::int64_t kMaxRotaryWidth = 1 << 16;

double number(const std::vector<Json>& arguments, std::size_t index, const std::string& function) {
  if (index >= arguments.size() || !arguments[index].is_number())
    throw FormatError(function + "(): argument " + std::to_string(index + 1) + " must be a number");
  return arguments[index].number();
}

bool same(std::span<const float> a, std::span<const float> b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](float x, float y) {
    return std::abs(static_cast<double>(x) - static_cast<double>(y)) <=
           kTolerance * std::abs(static_cast<double>(x));
  });
}

}  // namespace

std::vector<float> llama3_rope_factors(double base, std::int64_t dim, const Llama3Scaling& scaling) {
  // f32 steps in the converter's order (torch divides a number by a tensor as number * reciprocal): the bytes are compared.
  const auto narrow = [](double x) { return static_cast<float>(x); };
  const float low_wavelength = narrow(scaling.original_context / scaling.low_freq_factor);
  const float high_wavelength = narrow(scaling.original_context / scaling.high_freq_factor);
  std::vector<float> factors;
  for (std::int64_t i = 0; i < dim; i += 2) {
    const float frequency = 1.0f / std::pow(narrow(base), static_cast<float>(i) / static_cast<float>(dim));
    const float wavelength = 1.0f / frequency * narrow(2 * std::numbers::pi);
    if (wavelength < high_wavelength) {
      factors.push_back(1);
    } else if (wavelength > low_wavelength) {
      factors.push_back(narrow(scaling.factor));
    } else {
      const float smooth =
          (1.0f / wavelength * narrow(scaling.original_context) - narrow(scaling.low_freq_factor)) /
          narrow(scaling.high_freq_factor - scaling.low_freq_factor);
      factors.push_back(1.0f / ((1.0f - smooth) / narrow(scaling.factor) + smooth));
    }
  }
  return factors;
}

bool find_llama3_scaling(std::span<const float> factors, double base, Llama3Scaling& scaling) {
  if (factors.empty()) return false;
  const auto dim = static_cast<std::int64_t>(factors.size()) * 2;
  const double factor = static_cast<double>(*std::max_element(factors.begin(), factors.end()));
  for (double original = 8192; original >= 16; original /= 2) {
    const Llama3Scaling candidate{factor, 1, 4, original};
    if (!same(factors, llama3_rope_factors(base, dim, candidate))) continue;
    scaling = candidate;
    return true;
  }
  for (double original = 16384; original <= 1048576; original *= 2) {
    const Llama3Scaling candidate{factor, 1, 4, original};
    if (!same(factors, llama3_rope_factors(base, dim, candidate))) continue;
    scaling = candidate;
    return true;
  }
  return false;
}

bool call_rope_function(const std::string& function, const std::vector<Json>& arguments, Json& result) {
  if (function == "llama3_factors") {
    const double dim = number(arguments, 1, function);
    if (!(dim > 0) || dim > static_cast<double>(kMaxRotaryWidth))
      throw FormatError("a rotary width of " + std::to_string(dim) + " is not possible");
    const Llama3Scaling scaling{number(arguments, 2, function), number(arguments, 3, function),
                                number(arguments, 4, function), number(arguments, 5, function)};
    Json::Array values;
    for (const float factor :
         llama3_rope_factors(number(arguments, 0, function), static_cast<std::int64_t>(dim), scaling))
      values.emplace_back(static_cast<double>(factor));
    result = Json(std::move(values));
    return true;
  }
  if (function == "llama3_scaling") {
    if (arguments.empty() || !arguments[0].is_array()) return true;  // no such tensor: null
    std::vector<float> factors;
    for (const Json& item : arguments[0].array()) factors.push_back(static_cast<float>(item.number()));
    Llama3Scaling scaling;
    if (!find_llama3_scaling(factors, number(arguments, 1, function), scaling))
      throw FormatError(
          "rope_freqs.weight: no llama3 rotary scaling gives these factors, so the scaling cannot be written "
          "to config.json");
    const std::string part =
        arguments.size() > 2 && arguments[2].is_string() ? arguments[2].string() : std::string();
    if (part == "factor") result = Json(scaling.factor);
    if (part == "low_freq_factor") result = Json(scaling.low_freq_factor);
    if (part == "high_freq_factor") result = Json(scaling.high_freq_factor);
    if (part == "original_max_position_embeddings")
      result = Json(static_cast<std::int64_t>(scaling.original_context));
    return true;
  }
  return false;
}

}  // namespace pq
