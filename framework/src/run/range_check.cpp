#include "run/range_check.hpp"

#include "run/failure.hpp"

#include <polyquant/base/error.hpp>
#include <polyquant/codec/rounding.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

namespace pq {
namespace {

std::size_t largest_of(std::span<const float> row) {
  const auto smaller = [](float a, float b) { return std::abs(a) < std::abs(b); };
  return static_cast<std::size_t>(std::max_element(row.begin(), row.end(), smaller) - row.begin());
}

/// The part of a weight that is lost: 0 if it is read back as it was, 1 if it is read back as 0.
double lost(float wanted, float got) { return std::abs(double{got} - wanted) / std::abs(double{wanted}); }

/// lost() of weight `at` where the encoding's own search treats all columns alike.
double lost_alone(const Encoding& encoding, std::vector<float> row, std::size_t at) {
  const float wanted = row[at];
  const auto cols = static_cast<std::int64_t>(row.size());
  const Matrix matrix{row.data(), 1, cols, cols};
  std::vector<std::byte> bytes(encoding.row_bytes(cols));
  encoding.encoder({cols, {}, Effort::normal})->encode(matrix, bytes);
  encoding.decode(bytes, matrix);
  return lost(wanted, row[at]);
}

/// Whether the row's largest weight would be stored better if the row were smaller by a power of two: scales of any size give the same codes.
bool is_too_large(const Encoding& encoding, std::span<const float> wanted, std::size_t at) {
  constexpr double kGrowth =
      0.25;  // iq1_s loses 0.28 of an outlier at any size, iq2_xxs 0.52; beyond their range it is 1
  std::vector<float> row(wanted.begin(), wanted.end());
  const double as_it_is = lost_alone(encoding, row, at);
  const int exponent = std::ilogb(row[at]);
  for (float& weight : row) weight = std::ldexp(weight, -exponent);
  return as_it_is - lost_alone(encoding, std::move(row), at) > kGrowth;
}

}  // namespace

float largest_stored(const Encoding& encoding, std::int64_t cols) {
  std::vector<float> row(static_cast<std::size_t>(cols), 0.0f);
  for (float largest = kF16Max; !row.empty() && largest > 1;
       largest = std::exp2(std::ceil(std::log2(largest)) - 1)) {
    row.front() = largest;
    if (!is_too_large(encoding, row, 0)) return largest;
  }
  return kF16Max;
}

void check_range(std::string_view tensor, std::int64_t row, const Encoding& encoding, float largest,
                 std::span<const float> wanted, std::span<const float> got, const RowError& error) {
  constexpr double kLost = 0.25;
  const bool is_finite = std::isfinite(error.squared_error);
  if (is_finite && error.squared_weight <= double{largest} * largest) return;
  const std::size_t at = largest_of(wanted);
  const float weight = wanted[at];
  if (is_finite &&
      (std::abs(weight) <= largest || lost(weight, got[at]) <= kLost || !is_too_large(encoding, wanted, at)))
    return;
  throw Lasting<VerifyError>(fmt::format(
      "tensor '{}', row {}: the weight {:g} is beyond what {} can store and would be read back as {}; "
      "choose bf16 or f32, or add a rule for this tensor",
      tensor, row, weight, encoding.info().spec,
      is_finite || std::isfinite(got[at]) ? fmt::format("{:g}", got[at]) : "infinite"));
}

}  // namespace pq
