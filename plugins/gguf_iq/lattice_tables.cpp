#include "lattice_tables.hpp"

#include <algorithm>
#include <array>
#include <new>

namespace pq::gguf_iq {
namespace {

using Point = std::array<std::uint8_t, 8>;  // level numbers

std::vector<Point> unpacked_points(GridId id) {
  const int elements = grid_elements(id), bits = elements == 4 ? 3 : 2;
  std::vector<Point> points;
  for (const unsigned packed : grid_points(id)) {
    Point point{};
    for (int j = 0; j < elements; ++j)
      point[static_cast<std::size_t>(j)] =
          static_cast<std::uint8_t>(packed >> bits * j & ((1u << bits) - 1u));
    points.push_back(point);
  }
  return points;
}

/// Squared distances, in eighths of a level unit, of half a cell to the same half of all points.
class HalfDistances {
 public:
  HalfDistances(GridId id, const std::vector<Point>& points, int first, int count)
      : levels_(levels_of(id)), size_(points.size()) {
    std::size_t cells = 1;
    for (int j = 0; j < count; ++j) cells *= levels_.size();
    values_.resize(cells * size_);
    for (std::size_t cell = 0; cell < cells; ++cell)
      for (std::size_t k = 0; k < size_; ++k)
        values_[cell * size_ + k] = distance(cell, points[k], first, count);
  }
  const std::uint16_t* of(std::size_t cell) const { return values_.data() + cell * size_; }

 private:
  std::uint16_t distance(std::size_t cell, const Point& point, int first, int count) const {
    float sum = 0;
    for (int j = first; j < first + count; ++j, cell /= levels_.size()) {
      const float difference = levels_[cell % levels_.size()] - levels_[point[static_cast<std::size_t>(j)]];
      sum += difference * difference;
    }
    // At most 4 * 4.375^2 * 64 or 2 * 14.5^2 * 64: the sum of two halves fits into 16 bits.
    return static_cast<std::uint16_t>(sum * 64.0f);
  }
  std::span<const float> levels_;
  std::size_t size_;
  std::vector<std::uint16_t> values_;
};

/// Numbers of the `wanted` smallest distances, ties by number.
class Nearest {
 public:
  const std::vector<std::uint32_t>& select(const std::uint16_t* a, const std::uint16_t* b, std::size_t size,
                                           std::size_t wanted) {
    counts_.fill(0);
    sums_.resize(size);
    for (std::size_t k = 0; k < size; ++k) sums_[k] = static_cast<std::uint16_t>(a[k] + b[k]);
    for (std::size_t k = 0; k < size; ++k) ++counts_[sums_[k] / kBin];
    std::size_t bin = 0, total = counts_[0];
    while (total < wanted) total += counts_[++bin];
    const unsigned limit = static_cast<unsigned>(bin + 1) * kBin;
    keys_.clear();
    for (std::size_t k = 0; k < size; ++k)
      if (sums_[k] < limit)
        keys_.push_back(static_cast<std::uint32_t>(sums_[k]) << 16 | static_cast<std::uint32_t>(k));
    std::sort(keys_.begin(), keys_.end());
    keys_.resize(wanted);
    for (std::uint32_t& key : keys_) key &= 0xFFFFu;
    return keys_;
  }

 private:
  static constexpr unsigned kBin = 64;
  std::array<std::uint16_t, 65536 / kBin> counts_{};
  std::vector<std::uint16_t> sums_;
  std::vector<std::uint32_t> keys_;
};

void fill_lists(GridId id, const std::vector<Point>& points, std::uint8_t* lists, std::size_t half_cells) {
  const int half = grid_elements(id) / 2;
  const HalfDistances low(id, points, 0, half), high(id, points, half, half);
  std::vector<std::uint16_t> codes;
  for (const Point& point : points) codes.push_back(nibble_code(id, point.data()));
  Nearest nearest;
  for (std::size_t cell = 0; cell < half_cells * half_cells; ++cell) {
    const auto& found =
        nearest.select(low.of(cell % half_cells), high.of(cell / half_cells), points.size(), 2 * kListHalf);
    std::uint8_t* list = lists + cell * kListBytes;
    for (std::size_t k = 0; k < found.size(); ++k) {
      const std::size_t at = k / kListHalf * 2 * kListHalf + k % kListHalf;
      list[at] = static_cast<std::uint8_t>(codes[found[k]]);
      list[at + kListHalf] = static_cast<std::uint8_t>(codes[found[k]] >> 8);
    }
  }
}

}  // namespace

std::uint16_t nibble_code(GridId id, const std::uint8_t* levels) noexcept {
  unsigned code = 0;
  for (unsigned j = 0; j < 4; ++j) {
    const unsigned low = levels[j], nibble = grid_elements(id) == 4 ? low : low | levels[j + 4] * 4u;
    code |= nibble << 4 * j;
  }
  return static_cast<std::uint16_t>(code);
}

LatticeTables::LatticeTables(GridId id) : index_of(65536) {
  const bool small = grid_elements(id) == 4;
  const std::vector<Point> points = unpacked_points(id);
  for (std::size_t k = 0; k < points.size(); ++k)
    index_of[nibble_code(id, points[k].data())] = static_cast<std::uint16_t>(k);
  for (std::size_t down = 0; down < 2; ++down) {
    const std::span<const float> levels = levels_of(id, down == 1);
    const std::size_t last = levels.size() - 1;
    for (std::size_t byte = 0; byte < 256; ++byte)
      for (std::size_t j = 0; j < 4; ++j)
        quads[down][byte].levels[j] =
            levels[std::min(small ? byte >> 4 * (j % 2) & 15 : byte >> 2 * j & 3, last)];
  }
  const std::size_t half_cells = small ? 64 : 81;
  lists.reset(
      static_cast<std::uint8_t*>(::operator new[](half_cells* half_cells* kListBytes, std::align_val_t{64})));
  fill_lists(id, points, lists.get(), half_cells);
}

const LatticeTables& lattice_tables(GridId id) {
  switch (id) {
    case GridId::iq2xxs: {
      static const LatticeTables tables(GridId::iq2xxs);
      return tables;
    }
    case GridId::iq2xs: {
      static const LatticeTables tables(GridId::iq2xs);
      return tables;
    }
    case GridId::iq2s: {
      static const LatticeTables tables(GridId::iq2s);
      return tables;
    }
    case GridId::iq3xxs: {
      static const LatticeTables tables(GridId::iq3xxs);
      return tables;
    }
    case GridId::iq3s: {
      static const LatticeTables tables(GridId::iq3s);
      return tables;
    }
    case GridId::iq1s:
      break;
  }
  static const LatticeTables tables(GridId::iq1s);
  return tables;
}

}  // namespace pq::gguf_iq
