#include "row_tile.hpp"

#include <algorithm>
#include <cstring>

namespace pq::gptq {
namespace {

/// Columns after which the rest of a block is brought up to date.
constexpr std::size_t kStep = 32;

}  // namespace

RowTile::RowTile(ConstMatrix rows, ColumnCodec& codec, const Columns& columns)
    : codec_(codec),
      columns_(columns),
      order_(columns.factor.order),
      rows_(static_cast<std::size_t>(rows.rows)),
      weights_(columns.count() * kLanes, 0.0f),
      values_(weights_),
      differences_(weights_) {
  std::size_t widest = kRefined;
  for (const FactorBlock& block : columns.factor.blocks) widest = std::max(widest, block.cols);
  now_.resize(panels(widest) * kPanel * kLanes);
  errors_of_block_.resize(widest * kLanes);
  rounded_.resize(columns.cut.at_once * kLanes);
  pieces_.resize(std::max(columns.cut.fit, columns.cut.at_once) * kLanes * 2);
  for (std::size_t r = 0; r < rows_; ++r) {
    const auto row = rows.row(static_cast<std::int64_t>(r));
    for (std::size_t p = 0; p < columns.count(); ++p)
      weights_[p * kLanes + r] = row[static_cast<std::size_t>(columns.factor.order[p])];
  }
}

void RowTile::round_in_order() { round_all(Scales::here); }

void RowTile::round_with_static_scales() {
  const std::size_t cols = columns_.count(), at_once = columns_.cut.at_once;
  std::vector<std::size_t> place(cols);
  for (std::size_t p = 0; p < cols; ++p) place[static_cast<std::size_t>(columns_.factor.order[p])] = p;
  Lanes group(columns_.cut.fit * kLanes);
  for (std::size_t first = 0; first < cols; first += columns_.cut.fit) {
    const std::size_t count = std::min(columns_.cut.fit, cols - first);
    for (std::size_t i = 0; i < count; ++i)
      std::copy_n(&weights_[place[first + i] * kLanes], kLanes, &group[i * kLanes]);
    fit(group.data(), first);
    for (std::size_t i = 0; i < count; i += at_once)
      choose(place[first + i], &group[i * kLanes], rounded_.data(), Scales::here);
  }
  round_all(Scales::before);
}

void RowTile::round_all(Scales scales) {
  for (const FactorBlock& block : columns_.factor.blocks) round_block(block, scales);
}

void RowTile::round_block(const FactorBlock& block, Scales scales) {
  std::copy_n(&weights_[block.first * kLanes], block.cols * kLanes, now_.data());
  add_products({block.before.data(), block.first * kPanel, panels(block.cols)}, block.first,
               differences_.data(), now_.data());
  const std::size_t fit = columns_.cut.fit;
  for (std::size_t at = 0; at < block.cols;) {
    std::size_t end = fit < kStep ? at + kStep / fit * fit : std::min(at + kStep, (at / fit + 1) * fit);
    end = std::min(end, block.cols);
    for (std::size_t i = at; i < end; i += columns_.cut.at_once) {
      if (scales == Scales::here && i % fit == 0) this->fit(&now_[i * kLanes], block.first + i);
      round_unit(block, i, end, scales);
    }
    // Whole panels: round_unit() did the columns behind `end` in the one that it ends in.
    const std::size_t t = panels(end);
    if (t * kPanel < block.cols)
      add_products(
          {&block.inside[(t * block.cols + at) * kPanel], block.cols * kPanel, panels(block.cols) - t},
          end - at, &errors_of_block_[at * kLanes], &now_[t * kPanel * kLanes]);
    at = end;
  }
}

void RowTile::round_unit(const FactorBlock& block, std::size_t at, std::size_t end, Scales scales) {
  choose(block.first + at, &now_[at * kLanes], rounded_.data(), scales);
  for (std::size_t i = at; i < at + columns_.cut.at_once; ++i) {
    const std::size_t place = block.first + i;
    const float* q = &rounded_[(i - at) * kLanes];
    float* e = &errors_of_block_[i * kLanes];
    const float r = columns_.factor.diagonal[place];
    for (std::size_t l = 0; l < kLanes; ++l) {
      e[l] = (now_[i * kLanes + l] - q[l]) * r;
      values_[place * kLanes + l] = q[l];
      differences_[place * kLanes + l] = weights_[place * kLanes + l] - q[l];
      errors_[l] += static_cast<double>(e[l]) * static_cast<double>(e[l]);
    }
    // Whole panels: also of the columns before in the first one, which have no part any more (U is 0 there), and of those behind `end` in the last.
    const std::size_t t = (i + 1) / kPanel;
    if (i + 1 < std::min(panels(end) * kPanel, block.cols))
      add_products({&block.inside[(t * block.cols + i) * kPanel], block.cols * kPanel, panels(end) - t}, 1, e,
                   &now_[t * kPanel * kLanes]);
  }
}

void RowTile::fit(const float* x, std::size_t column) {
  const std::size_t count = std::min(columns_.cut.fit, columns_.count() - column);
  for (std::size_t r = 0; r < rows_; ++r)
    for (std::size_t i = 0; i < count; ++i) pieces_[r * count + i] = x[i * kLanes + r];
  const auto rows = static_cast<std::int64_t>(rows_), cols = static_cast<std::int64_t>(count);
  codec_.fit({pieces_.data(), rows, cols, cols},
             std::span(columns_.factor.fit_weights).subspan(column, count));
}

void RowTile::choose(std::size_t at, const float* x, float* q, Scales scales) {
  const std::size_t n = columns_.cut.at_once;
  const auto rows = static_cast<std::int64_t>(rows_), cols = static_cast<std::int64_t>(n);
  const float* from = x;
  float* to = q;
  if (n > 1) {
    to = pieces_.data() + n * kLanes;
    for (std::size_t r = 0; r < rows_; ++r)
      for (std::size_t i = 0; i < n; ++i) pieces_[r * n + i] = x[i * kLanes + r];
    from = pieces_.data();
  }
  if (scales == Scales::here)
    codec_.round({from, rows, cols, cols}, {to, rows, cols, cols});
  else
    codec_.revise(order_[at], {from, rows, cols, cols}, {to, rows, cols, cols});
  if (n > 1)
    for (std::size_t r = 0; r < rows_; ++r)
      for (std::size_t i = 0; i < n; ++i) q[i * kLanes + r] = to[r * n + i];
}

}  // namespace pq::gptq
