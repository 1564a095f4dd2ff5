// The lower factor of a symmetric matrix in f64, in tiles.
#pragma once

#include "aligned.hpp"
#include "products.hpp"

#include <polyquant/base/executor.hpp>

#include <cstddef>
#include <functional>

namespace pq::gptq {

/// A lower triangle of kLanes x kLanes tiles. A row of tiles is stored column after column, kLanes numbers each, so that it is at once the lanes
/// of one product and the factors of another.
class LowerTiles {
 public:
  /// Fills a tile: column[j * kLanes + lane] is the matrix at row first_row + lane, column first_column + j.
  using Fill = std::function<void(std::size_t first_row, std::size_t first_column, double* column)>;

  explicit LowerTiles(std::size_t tiles) : tiles_(tiles), data_(bytes(tiles) / sizeof(double)) {}
  static std::size_t bytes(std::size_t tiles) {
    return tiles * (tiles + 1) / 2 * kLanes * kLanes * sizeof(double);
  }

  /// Factors the matrix, of which each tile is asked for once. False if it is not positive definite. Every tile is one task's in a fixed order of
  /// sums, so threads do not matter.
  bool factor(const Fill& fill, Executor& executor);

  std::size_t rows() const { return tiles_ * kLanes; }
  /// kLanes rows of a column, from row `tile_row` * kLanes on; the column is not behind these rows.
  const double* lanes(std::size_t tile_row, std::size_t column) const {
    return data_.data() + tile_row * (tile_row + 1) / 2 * kLanes * kLanes + column * kLanes;
  }
  double at(std::size_t row, std::size_t column) const { return lanes(row / kLanes, column)[row % kLanes]; }

 private:
  double* tile(std::size_t row, std::size_t column) {
    return data_.data() + (row * (row + 1) / 2 + column) * kLanes * kLanes;
  }
  struct Rows {
    std::size_t first, end;
  };
  void fill_and_update(const Fill& fill, Rows rows, std::size_t column);

  std::size_t tiles_;
  Raw<double> data_;
};

}  // namespace pq::gptq
