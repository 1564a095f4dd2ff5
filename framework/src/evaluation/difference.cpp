#include "evaluation/difference.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <span>

namespace pq {
namespace {

// Independent sums: one chain of additions would wait for itself. Part of the definition of the result's last bits.
constexpr std::size_t kLanes = 8;

void add_row(std::span<const float> a, std::span<const float> b, Difference& sums) noexcept {
  std::array<double, kLanes> error = {}, reference = {};
  std::array<double, kLanes> largest = {};
  const auto add_one = [&](std::size_t lane, std::size_t i) {
    const double wanted = static_cast<double>(a[i]);
    const double difference = static_cast<double>(b[i]) - wanted;
    error[lane] += difference * difference;
    reference[lane] += wanted * wanted;
    largest[lane] = std::max(largest[lane], std::abs(difference));
  };
  const std::size_t whole = a.size() / kLanes * kLanes;
  for (std::size_t i = 0; i < whole; i += kLanes)
    for (std::size_t lane = 0; lane < kLanes; ++lane) add_one(lane, i + lane);
  for (std::size_t i = whole; i < a.size(); ++i) add_one(i - whole, i);
  for (std::size_t lane = 0; lane < kLanes; ++lane) {
    sums.squared_error += error[lane];
    sums.squared_reference += reference[lane];
    sums.max_abs = std::max(sums.max_abs, largest[lane]);
  }
}

bool same(float a, float b) noexcept { return a == b || (std::isnan(a) && std::isnan(b)); }

// A row with NaN or infinities.
void add_row_carefully(std::span<const float> a, std::span<const float> b, Difference& sums) noexcept {
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (std::isfinite(a[i]) && std::isfinite(b[i]))
      add_row(a.subspan(i, 1), b.subspan(i, 1), sums);
    else if (!same(a[i], b[i]))
      ++sums.non_finite;
  }
}

}  // namespace

void Difference::add(ConstMatrix a, ConstMatrix b) noexcept {
  for (std::int64_t r = 0; r < a.rows; ++r) {
    Difference row;
    add_row(a.row(r), b.row(r), row);
    // Squares of finite f32 values never overflow f64: only NaN and infinities can do this.
    if (!std::isfinite(row.squared_error) || !std::isfinite(row.squared_reference)) {
      row = {};
      add_row_carefully(a.row(r), b.row(r), row);
    }
    row.weights = a.cols;
    add(row);
  }
}

void Difference::add(const Difference& other) noexcept {
  weights += other.weights;
  squared_error += other.squared_error;
  squared_reference += other.squared_reference;
  max_abs = std::max(max_abs, other.max_abs);
  non_finite += other.non_finite;
}

double Difference::rmse() const noexcept {
  if (non_finite > 0) return std::numeric_limits<double>::quiet_NaN();
  return weights == 0 ? 0.0 : std::sqrt(squared_error / static_cast<double>(weights));
}

double Difference::relative_error() const noexcept {
  if (non_finite > 0) return std::numeric_limits<double>::quiet_NaN();
  if (squared_error == 0) return 0.0;
  return squared_reference == 0 ? std::numeric_limits<double>::infinity() : squared_error / squared_reference;
}

}  // namespace pq
