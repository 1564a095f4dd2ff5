// Coordinate descent on what columns share: with all codes as they are, the error is a quadratic function of a scale and its offset. With u and v
// what the columns move by, G = H (q - w): it changes by 2 (u.G s + v.G o) + u H u s^2 + 2 u H v s o + v H v o^2.
#include "row_tile.hpp"

#include <algorithm>

namespace pq::gptq {
namespace {

using Sums = std::array<double, kLanes>;

void add_dots(const float* a, const float* b, std::size_t cols, Sums& sums) {
  for (std::size_t i = 0; i < cols; ++i)
    for (std::size_t l = 0; l < kLanes; ++l)
      sums[l] += static_cast<double>(a[i * kLanes + l]) * static_cast<double>(b[i * kLanes + l]);
}

}  // namespace

void RowTile::refine_scales(ScaleLevel level) {
  if (codec_.scale_of(level, 0) < 0) return;
  put_in_order();
  for (std::size_t first = 0, end = 0; first < columns_.count(); first = end) {
    const std::int64_t number = codec_.scale_of(level, order_[first]);
    while (end < columns_.count() && codec_.scale_of(level, order_[end]) == number) ++end;
    refine_shared({level, first, end - first});
  }
}

void RowTile::refine_shared(const Sharing& shared) {
  sum_costs(shared);
  gains_.fill(0.0f);  // what the error changes by
  const std::int64_t number = codec_.scale_of(shared.level, order_[shared.first]);
  codec_.rescale(shared.level, number, std::span(costs_).first(rows_), std::span(gains_).first(rows_));
  if (std::all_of(gains_.begin(), gains_.end(), [](float change) { return change == 0; })) return;
  for (std::size_t l = 0; l < rows_; ++l) errors_[l] += static_cast<double>(gains_[l]);
  take_values(shared);
}

// In slices of columns, so that no more of H is copied at a time than for the codes.
void RowTile::sum_costs(const Sharing& shared) {
  const std::size_t size = shared.count * kLanes;
  directions_.assign(2 * size, 0.0f);
  moments_.resize(2 * kRefined * kLanes);
  float *scale = directions_.data(), *offset = scale + size;
  for (std::size_t i = 0; i < shared.count; ++i)
    codec_.directions(shared.level, order_[shared.first + i], {scale + i * kLanes, rows_},
                      {offset + i * kLanes, rows_});
  Sums scale_slope{}, offset_slope{}, scale_square{}, product{}, offset_square{};
  for (std::size_t at = 0; at < shared.count; at += kRefined) {
    const std::size_t cols = std::min(kRefined, shared.count - at), step = columns_.count() * kPanel;
    find_gradient(shared.first + at, cols);
    const Panels ours{&gradient_panels_[shared.first * kPanel], step, panels(cols)};
    float *scaled = moments_.data(), *shifted = scaled + kRefined * kLanes;
    std::fill(moments_.begin(), moments_.end(), 0.0f);
    add_products(ours, shared.count, scale, scaled);
    add_products(ours, shared.count, offset, shifted);
    const float *s = scale + at * kLanes, *o = offset + at * kLanes;
    add_dots(s, now_.data(), cols, scale_slope);
    add_dots(o, now_.data(), cols, offset_slope);
    add_dots(s, scaled, cols, scale_square);
    add_dots(s, shifted, cols, product);
    add_dots(o, shifted, cols, offset_square);
  }
  for (std::size_t l = 0; l < kLanes; ++l)
    costs_[l] = {static_cast<float>(-scale_slope[l]), static_cast<float>(-offset_slope[l]),
                 static_cast<float>(scale_square[l]), static_cast<float>(product[l]),
                 static_cast<float>(offset_square[l])};
}

void RowTile::take_values(const Sharing& shared) {
  for (std::size_t p = shared.first; p < shared.first + shared.count; ++p) {
    float* value = &values_[p * kLanes];
    codec_.values(order_[p], {value, rows_});
    for (std::size_t l = 0; l < rows_; ++l)
      differences_[p * kLanes + l] = weights_[p * kLanes + l] - value[l];
  }
}

}  // namespace pq::gptq
