// nf4 and fp4: the layout is polyquant/codec/table_row.hpp.
#pragma once

#include "nf4/scales.hpp"

#include <polyquant/encoding.hpp>

#include <cstdint>
#include <memory>
#include <string>

namespace pq::nf4 {

/// One of the two with its options.
struct FourBitKind {
  std::string id;
  std::string summary;
  const Levels& levels;
  std::int64_t block = 64;
  bool nested = false;
};

/// How the parts of an encoded row are written.
class RowParts {
 public:
  RowParts(const FourBitKind& kind, std::int64_t cols) noexcept
      : row_(cols, kind.block, kind.nested), nested_(kind.nested) {}
  const TableRow& layout() const noexcept { return row_; }
  void store_scale(std::byte* row, std::size_t block, const ChosenScale& scale) const noexcept;
  /// Stored codes, one per byte, of a whole row.
  void store_codes(std::byte* row, std::span<const std::uint8_t> codes) const noexcept;

 private:
  TableRow row_;
  bool nested_;
};

/// The column codec. `map` as for ScaleChooser; everything outlives it.
std::unique_ptr<ColumnCodec> make_columns(const FourBitKind& kind, const ScaleMap* map, std::int64_t rows,
                                          std::int64_t cols, Effort effort);

}  // namespace pq::nf4
