#include "factor.hpp"

#include "products.hpp"
#include "tiles.hpp"

#include <polyquant/base/error.hpp>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <span>
#include <string>

namespace pq::gptq {
namespace {

double diagonal_of(ConstMatrix gram, std::size_t column) {
  return gram.row(static_cast<std::int64_t>(column))[column];
}

std::vector<std::int32_t> make_order(ConstMatrix gram, const Cut& cut) {
  std::vector<std::int32_t> order(cut.cols / cut.at_once);
  std::iota(order.begin(), order.end(), 0);
  const auto mean = [&](std::size_t first, std::size_t count) {
    double sum = 0;
    for (std::size_t i = first; i < first + count; ++i) sum += diagonal_of(gram, i);
    return sum / static_cast<double>(count);
  };
  const auto own = [&](std::int32_t unit) {
    return mean(static_cast<std::size_t>(unit) * cut.at_once, cut.at_once);
  };
  const auto by_own = [&](std::int32_t a, std::int32_t b) { return own(a) > own(b); };
  if (cut.by_activation) std::ranges::stable_sort(order, by_own);  // equal ones as they are stored
  if (cut.by_group) {
    std::vector<double> means;
    for (std::size_t first = 0; first < cut.cols; first += cut.fit)
      means.push_back(mean(first, std::min(cut.fit, cut.cols - first)));
    // The groups of two columns are compared first: the last one may be shorter, and equal means do not mix groups.
    std::ranges::stable_sort(order, [&](std::int32_t a, std::int32_t b) {
      const std::size_t of_a = static_cast<std::size_t>(a) * cut.at_once / cut.fit,
                        of_b = static_cast<std::size_t>(b) * cut.at_once / cut.fit;
      if (of_a == of_b) return own(a) > own(b);
      return means[of_a] != means[of_b] ? means[of_a] > means[of_b] : of_a < of_b;
    });
  }
  std::vector<std::int32_t> columns;
  for (const std::int32_t unit : order)
    for (std::size_t i = 0; i < cut.at_once; ++i)
      columns.push_back(unit * static_cast<std::int32_t>(cut.at_once) + static_cast<std::int32_t>(i));
  return columns;
}

/// H with both axes reversed, so that its lower factor is the upper one wanted, reversed. Before it comes an identity that fills the first tiles.
class ReversedH {
 public:
  ReversedH(ConstMatrix gram, const std::vector<std::int32_t>& order, double scale, double damping)
      : gram_(gram), order_(order), scale_(scale), damping_(damping) {}
  std::size_t tiles() const { return (order_.size() + kLanes - 1) / kLanes; }

  void fill(std::size_t first_row, std::size_t first_column, double* column) const {
    for (std::size_t j = 0; j < kLanes; ++j, column += kLanes)
      fill_column(first_row, first_column + j, column);
  }

 private:
  void fill_column(std::size_t first_row, std::size_t at, double* lanes) const {
    const std::size_t last = tiles() * kLanes - 1;  // the place at row r is last - r
    std::fill_n(lanes, kLanes, 0.0);
    if (last - at < order_.size()) {
      const float* values = gram_.row(order_[last - at]).data();
      for (std::size_t lane = 0; lane < kLanes; ++lane)
        if (const std::size_t place = last - first_row - lane; place < order_.size())
          lanes[lane] = static_cast<double>(values[order_[place]]) * scale_;
    }
    if (at / kLanes == first_row / kLanes)
      lanes[at % kLanes] = last - at < order_.size() ? lanes[at % kLanes] + damping_ : 1.0;
  }

  ConstMatrix gram_;
  const std::vector<std::int32_t>& order_;
  double scale_, damping_;
};

/// Some columns of R, a place after the other, and their solutions. `lower` is the factor of the reversed matrix.
class BlockSolver {
 public:
  BlockSolver(const LowerTiles& lower, FactorBlock& block)
      : lower_(lower), block_(block), width_(panels(block.cols) * kPanel), own_(width_ * width_) {
    for (std::size_t j = 0; j < width_; ++j)
      for (std::size_t i = 0; i <= j; ++i)
        own_[i * width_ + j] = j >= block.cols ? (i == j ? 1.0 : 0.0)
                                               : lower.at(row_of(block.first + i), row_of(block.first + j));
    block.before.resize(width_ * block.first);
    block.inside.resize(width_ * block.cols);
  }
  /// Tiles of places before the block, then tiles of the block itself.
  std::size_t tasks() const { return tiles(block_.first) + tiles(block_.cols); }
  void run(std::size_t task) {
    Aligned<double> tile(width_ * kLanes);
    if (task < tiles(block_.first))
      solve_before(task, tile.data());
    else
      solve_inside(task - tiles(block_.first), tile.data());
  }

 private:
  static std::size_t tiles(std::size_t places) { return (places + kLanes - 1) / kLanes; }
  std::size_t row_of(std::size_t place) const { return lower_.rows() - 1 - place; }

  void solve_before(std::size_t number, double* tile) {
    const std::size_t first = number * kLanes, count = std::min(kLanes, block_.first - first);
    for (std::size_t j = 0; j < block_.cols; ++j)
      std::copy_n(lower_.lanes(row_of(first) / kLanes, row_of(block_.first + j)), kLanes, tile + j * kLanes);
    solve_upper(own_.data(), width_, width_, tile);
    for (std::size_t t = 0; t < width_; t += kPanel)
      for (std::size_t i = 0; i < count; ++i)
        for (std::size_t j = 0; j < kPanel; ++j)
          block_.before[t * block_.first + (first + i) * kPanel + j] =
              static_cast<float>(tile[(t + j) * kLanes + kLanes - 1 - i]);
  }

  void solve_inside(std::size_t number, double* tile) {
    const std::size_t first = number * kLanes, count = std::min(kLanes, block_.cols - first);
    for (std::size_t i = 0; i < count; ++i) tile[(first + i) * kLanes + i] = 1;
    solve_upper(own_.data(), width_, width_, tile);
    for (std::size_t t = 0; t < width_; t += kPanel)
      for (std::size_t i = 0; i < count; ++i)
        for (std::size_t j = 0; j < kPanel; ++j)
          block_.inside[t * block_.cols + (first + i) * kPanel + j] =
              static_cast<float>(-tile[(t + j) * kLanes + i]);
  }

  const LowerTiles& lower_;
  FactorBlock& block_;
  std::size_t width_;    // columns with those that fill the last panel
  Aligned<double> own_;  // R of the block, row after row
};

void fill_blocks(const LowerTiles& lower, const Cut& cut, Executor& executor, Factor& factor) {
  for (std::size_t first = 0; first < cut.cols; first += cut.block) {
    factor.blocks.push_back({first, std::min(cut.block, cut.cols - first), {}, {}});
    BlockSolver solver(lower, factor.blocks.back());
    executor.for_ranges(static_cast<std::int64_t>(solver.tasks()), 1,
                        [&](std::int64_t begin, std::int64_t end) {
                          for (std::int64_t task = begin; task < end; ++task)
                            solver.run(static_cast<std::size_t>(task));
                        });
  }
}

/// The bits of an infinity or NaN are in the row; a loop without branches, for the compiler's vectors.
bool has_non_finite(std::span<const float> row) {
  constexpr std::uint32_t kExponent = 0x7f800000;
  std::uint32_t found = 0;
  for (const float x : row) found |= (std::bit_cast<std::uint32_t>(x) & kExponent) == kExponent ? 1u : 0u;
  return found != 0;
}

double mean_diagonal(ConstMatrix gram, std::string_view tensor, Executor& executor) {
  std::atomic<std::int64_t> bad{gram.rows};
  executor.for_ranges(gram.rows, 32, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i)
      if (has_non_finite(gram.row(i)) || diagonal_of(gram, static_cast<std::size_t>(i)) < 0)
        for (std::int64_t known = bad; i < known && !bad.compare_exchange_weak(known, i);) {
        }
  });
  if (bad < gram.rows)
    throw FormatError(
        "tensor '" + std::string(tensor) + "': the second moments of its inputs are not finite (column " +
        std::to_string(bad.load()) + "); the model is damaged, or its activations are too large for f32");
  double sum = 0;
  for (std::int64_t i = 0; i < gram.rows; ++i) sum += diagonal_of(gram, static_cast<std::size_t>(i));
  return sum / static_cast<double>(gram.rows);
}

}  // namespace

std::shared_ptr<const Factor> make_factor(ConstMatrix gram, const Cut& cut, double damping,
                                          std::string_view tensor, Executor& executor) {
  const double mean = mean_diagonal(gram, tensor, executor);
  if (!(mean > 0)) return nullptr;
  const auto factor = std::make_shared<Factor>();
  factor->order = make_order(gram, cut);
  factor->scale = 1 / mean;
  LowerTiles lower((cut.cols + kLanes - 1) / kLanes);
  for (factor->damping = damping;; factor->damping *= 10) {
    if (factor->damping > kMostDamping)
      throw FormatError("tensor '" + std::string(tensor) +
                        "': the second moments of its inputs are not positive definite even with " +
                        std::to_string(static_cast<int>(kMostDamping)) +
                        " times their mean on the diagonal; calibrate with other texts");
    const ReversedH h(gram, factor->order, factor->scale, factor->damping);
    if (lower.factor([&](std::size_t row, std::size_t column, double* to) { h.fill(row, column, to); },
                     executor))
      break;
  }
  factor->fit_weights.resize(cut.cols);
  for (std::size_t p = 0; p < cut.cols; ++p) {
    const double r = lower.at(lower.rows() - 1 - p, lower.rows() - 1 - p);
    factor->diagonal.push_back(static_cast<float>(r));
    const auto column = static_cast<std::size_t>(factor->order[p]);
    factor->fit_weights[column] =
        static_cast<float>(r * std::sqrt(diagonal_of(gram, column) / mean + factor->damping));
  }
  fill_blocks(lower, cut, executor, *factor);
  return factor;
}

}  // namespace pq::gptq
