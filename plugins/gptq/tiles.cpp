#include "tiles.hpp"

#include <algorithm>
#include <cstdint>

namespace pq::gptq {

void LowerTiles::fill_and_update(const Fill& fill, Rows rows, std::size_t column) {
  for (std::size_t row = rows.first; row < rows.end; ++row)
    fill(row * kLanes, column * kLanes, tile(row, column));
  constexpr std::size_t kDepth = 256;  // 128 KiB of factors stay in the second cache for all rows
  for (std::size_t first = 0; first < column * kLanes; first += kDepth)
    for (std::size_t row = rows.first; row < rows.end; ++row)
      subtract_products(tile(column, 0) + first * kLanes, kLanes, kLanes,
                        std::min(kDepth, column * kLanes - first), tile(row, 0) + first * kLanes,
                        tile(row, column));
}

// One column of tiles after the other: each tile is brought up to date with all columns before, and solved with the factor on the diagonal. The
// task of the first tiles also makes the next tile on the diagonal, so that a column needs its threads to meet only once.
bool LowerTiles::factor(const Fill& fill, Executor& executor) {
  constexpr std::size_t kMostRows = 8;
  fill_and_update(fill, {0, 1}, 0);
  bool is_good = factor_tile(tile(0, 0));
  for (std::size_t column = 0; column + 1 < tiles_ && is_good; ++column) {
    const std::size_t below = tiles_ - column - 1;
    const std::size_t shares = 4 * static_cast<std::size_t>(executor.threads());
    const auto rows_of_task =
        static_cast<std::int64_t>(std::clamp<std::size_t>(below / shares, 1, kMostRows));
    executor.for_ranges(
        static_cast<std::int64_t>(below), rows_of_task, [&](std::int64_t begin, std::int64_t end) {
          const Rows rows{column + 1 + static_cast<std::size_t>(begin),
                          column + 1 + static_cast<std::size_t>(end)};
          fill_and_update(fill, rows, column);
          for (std::size_t row = rows.first; row < rows.end; ++row)
            solve_upper(tile(column, column), kLanes, kLanes, tile(row, column));  // as rows it is L^T
          if (begin > 0) return;
          fill_and_update(fill, {rows.first, rows.first + 1}, rows.first);
          is_good = factor_tile(tile(rows.first, rows.first));
        });
  }
  return is_good;
}

}  // namespace pq::gptq
