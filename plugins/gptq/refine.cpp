// Coordinate descent on the codes: with G = H (q - w) the best value of column j is q_j - G_j / H_jj, and its nearest code never makes the error
// larger. Blocks of columns: G of a block is one product with all differences as they are, inside of it G follows every change.
#include "row_tile.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

namespace pq::gptq {

void RowTile::put_in_order() {
  const std::size_t cols = columns_.count();
  std::vector<std::size_t> places(cols);
  std::iota(places.begin(), places.end(), std::size_t{0});
  const auto key = [&](std::size_t place) {
    return std::pair(codec_.scale_of(ScaleLevel::group, order_[place]), order_[place]);
  };
  if (std::is_sorted(places.begin(), places.end(), [&](auto a, auto b) { return key(a) < key(b); })) return;
  std::sort(places.begin(), places.end(), [&](auto a, auto b) { return key(a) < key(b); });
  for (Lanes* lanes : {&weights_, &values_, &differences_}) {
    Lanes sorted(lanes->size());
    for (std::size_t p = 0; p < cols; ++p)
      std::copy_n(&(*lanes)[places[p] * kLanes], kLanes, &sorted[p * kLanes]);
    *lanes = std::move(sorted);
  }
  std::vector<std::int32_t> order(cols);
  for (std::size_t p = 0; p < cols; ++p) order[p] = order_[places[p]];
  order_ = std::move(order);
}

void RowTile::refine_codes() {
  put_in_order();
  const std::size_t cols = columns_.count();
  for (std::size_t first = 0; first < cols; first += kRefined)
    refine_block(first, std::min(kRefined, cols - first));
}

float RowTile::moment(std::size_t i, std::size_t j) const {
  const double entry =
      columns_.gram.row(order_[i])[static_cast<std::size_t>(order_[j])] * columns_.factor.scale;
  return static_cast<float>(i == j ? entry + columns_.factor.damping : entry);
}

void RowTile::fill_panel(std::size_t first, std::size_t count, float* panel) {
  const auto scale = static_cast<float>(columns_.factor.scale);
  std::array<const float*, kPanel> rows;
  for (std::size_t j = 0; j < kPanel; ++j)  // those behind the last are not looked at
    rows[j] = columns_.gram.row(order_[first + std::min(j, count - 1)]).data();
  for (std::size_t i = 0; i < columns_.count(); ++i)
    for (std::size_t j = 0; j < kPanel; ++j) panel[i * kPanel + j] = rows[j][order_[i]] * scale;
  for (std::size_t j = 0; j < count; ++j) panel[(first + j) * kPanel + j] = moment(first + j, first + j);
}

void RowTile::refine_block(std::size_t first, std::size_t count) {
  find_gradient(first, count);
  for (std::size_t i = 0; i < count; i += columns_.cut.at_once) refine_unit(first + i, first, first + count);
}

// H d is -G.
void RowTile::find_gradient(std::size_t first, std::size_t count) {
  gradient_panels_.resize(columns_.count() * kRefined);
  std::fill_n(now_.data(), panels(count) * kPanel * kLanes, 0.0f);
  const std::size_t step = columns_.count() * kPanel;
  for (std::size_t t = 0; t < panels(count); ++t)
    fill_panel(first + t * kPanel, std::min(kPanel, count - t * kPanel), &gradient_panels_[t * step]);
  add_products({gradient_panels_.data(), step, panels(count)}, columns_.count(), differences_.data(),
               now_.data());
}

void RowTile::refine_unit(std::size_t at, std::size_t first, std::size_t end) {
  const std::size_t n = columns_.cut.at_once;
  float* wanted = errors_of_block_.data();
  for (std::size_t i = 0; i < n; ++i) {
    const float inverse = 1.0f / moment(at + i, at + i);
    for (std::size_t l = 0; l < kLanes; ++l)
      wanted[i * kLanes + l] = values_[(at + i) * kLanes + l] + now_[(at + i - first) * kLanes + l] * inverse;
  }
  if (try_change(at, first)) {
    // Back to what they were where that was better: values of the grid are their own nearest ones.
    for (std::size_t k = 0; k < n * kLanes; ++k)
      wanted[k] = gains_[k % kLanes] < 0 ? values_[at * kLanes + k] : rounded_[k];
    try_change(at, first);
  }
  apply_change(at, first, end);
}

// Differences from `wanted`, the start of errors_of_block_, go behind it.
bool RowTile::try_change(std::size_t at, std::size_t first) {
  const std::size_t n = columns_.cut.at_once;
  float* change = &errors_of_block_[n * kLanes];
  choose(at, errors_of_block_.data(), rounded_.data(), Scales::before);
  for (std::size_t k = 0; k < n * kLanes; ++k)
    change[k] = k % kLanes < rows_ ? rounded_[k] - values_[at * kLanes + k] : 0.0f;
  // d H d^T falls by 2 c . (H d) - c H c^T.
  gains_.fill(0.0f);
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t l = 0; l < kLanes; ++l)
      gains_[l] += 2 * change[i * kLanes + l] * now_[(at + i - first) * kLanes + l];
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < n; ++j) {
      const float h = moment(at + i, at + j);
      for (std::size_t l = 0; l < kLanes; ++l)
        gains_[l] -= change[i * kLanes + l] * h * change[j * kLanes + l];
    }
  return std::any_of(gains_.begin(), gains_.end(), [](float gain) { return gain < 0; });
}

void RowTile::apply_change(std::size_t at, std::size_t first, std::size_t end) {
  const std::size_t n = columns_.cut.at_once;
  const float* changes = &errors_of_block_[n * kLanes];
  if (std::all_of(changes, changes + n * kLanes, [](float change) { return change == 0; })) return;
  for (std::size_t l = 0; l < kLanes; ++l) errors_[l] -= static_cast<double>(gains_[l]);
  for (std::size_t i = 0; i < n; ++i) {
    const float* change = changes + i * kLanes;
    float* value = &values_[(at + i) * kLanes];
    for (std::size_t l = 0; l < rows_; ++l) {
      value[l] = rounded_[i * kLanes + l];
      differences_[(at + i) * kLanes + l] = weights_[(at + i) * kLanes + l] - value[l];
    }
    for (std::size_t j = at + n; j < end; ++j) {
      const float h = moment(at + i, j);
      for (std::size_t l = 0; l < kLanes; ++l) now_[(j - first) * kLanes + l] -= change[l] * h;
    }
  }
}

}  // namespace pq::gptq
