#include "model/view.hpp"

#include <polyquant/base/error.hpp>

#include <algorithm>

namespace pq {

std::pair<std::size_t, std::int64_t> RowMap::source(std::int64_t r) const {
  if (order != Order::natural) {
    const std::int64_t head = r / head_rows, i = r % head_rows, half = head_rows / 2;
    r = head * head_rows + (order == Order::rotary_to_pairs ? i % 2 * half + i / 2 : i % half * 2 + i / half);
  }
  for (std::size_t i = 0; i < parts.size(); i += static_cast<std::size_t>(parts[i].lanes)) {
    const std::int64_t lanes = parts[i].lanes, total = parts[i].rows * lanes;
    if (r < total) {
      const Part& part = parts[i + static_cast<std::size_t>(r % lanes)];
      return {part.stored, part.first_row + r / lanes * part.step};
    }
    r -= total;
  }
  PQ_ASSERT(false, "a row lies inside the map");
  return {0, 0};
}

bool RowMap::has_transposed_parts() const noexcept {
  return std::any_of(parts.begin(), parts.end(), [](const Part& part) { return part.transposed; });
}

}  // namespace pq
