// The residual streams of all texts between two layers.
#pragma once

#include <polyquant/base/matrix.hpp>

#include <cstdint>
#include <filesystem>
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

/// Everything in a nameless file in `folder` (empty: the system's for temporary files), which goes with the store, also when the program is
/// killed. Its size is reserved at once; throws ResourceError if the disk is too small or fails.
std::unique_ptr<HiddenStore> file_store(std::int64_t rows, std::int64_t cols,
                                        const std::filesystem::path& folder);

/// In memory up to `memory_bytes` (-1: always), else in a file.
std::unique_ptr<HiddenStore> hidden_store(std::int64_t rows, std::int64_t cols, std::int64_t memory_bytes,
                                          const std::filesystem::path& folder);

}  // namespace pq
