#include "model/view.hpp"

#include <polyquant/base/error.hpp>

namespace pq {

std::pair<std::size_t, std::int64_t> RowMap::source(std::int64_t r) const {
  if (order != Order::natural) {
    const std::int64_t head = r / head_rows, i = r % head_rows, half = head_rows / 2;
    r = head * head_rows + (order == Order::rotary_to_pairs ? i % 2 * half + i / 2 : i % half * 2 + i / half);
  }
  for (const Part& part : parts) {
    if (r < part.rows) return {part.stored, part.first_row + r * part.step};
    r -= part.rows;
  }
  PQ_ASSERT(false, "a row lies inside the map");
  return {0, 0};
}

}  // namespace pq
