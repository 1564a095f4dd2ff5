// A tensor that a folder stores as several, codes and scales, say: rows of one encoding.
#pragma once

#include <polyquant/format.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace pq::hf {

/// Immutable, callable from any thread.
class JoinedTensor {
 public:
  virtual ~JoinedTensor() = default;
  /// Name, shape, encoding and row size of the whole; file and offset are those of the first part.
  const TensorInfo& info() const noexcept { return info_; }
  /// Writes rows [first, first + count) of the encoding, info().row_bytes each.
  virtual void read(std::size_t first, std::size_t count, std::byte* rows) const = 0;
  /// The stored tensors that it is made of; the first has the codes.
  const std::vector<std::size_t>& parts() const noexcept { return parts_; }
  /// True if every row lies in every page of the codes, so that memory can go only with the last row.
  bool is_spread() const noexcept { return is_spread_; }

 protected:
  explicit JoinedTensor(bool is_spread) : is_spread_(is_spread) {}

  TensorInfo info_;
  std::vector<std::size_t> parts_;

 private:
  bool is_spread_;
};

/// One whose rows are read one by one, from codes that lie in the order of rows.
class JoinedRows : public JoinedTensor {
 public:
  void read(std::size_t first, std::size_t count, std::byte* rows) const final {
    for (std::size_t r = 0; r < count; ++r)
      write_row(static_cast<std::int64_t>(first + r), rows + r * info_.row_bytes);
  }

 protected:
  JoinedRows() : JoinedTensor(false) {}

 private:
  /// Writes row `row` of the encoding, info().row_bytes long.
  virtual void write_row(std::int64_t row, std::byte* out) const = 0;
};

}  // namespace pq::hf
