// The residual streams of all texts between two layers.
#pragma once

#include <polyquant/base/matrix.hpp>

#include <cstdint>
#include <memory>
#include <vector>

namespace pq {

/// Rows of all batches, one after another. One caller at a time.
class HiddenStore {
 public:
  virtual ~HiddenStore() = default;
  /// Rows [first, first + to.rows).
  virtual void read(std::int64_t first, Matrix to) = 0;
  virtual void write(std::int64_t first, ConstMatrix from) = 0;
};

/// Everything in memory. Throws ResourceError if it does not fit.
std::unique_ptr<HiddenStore> memory_store(std::int64_t rows, std::int64_t cols);

}  // namespace pq
