// Of several matrices that are read one after the other, only the one that is being read stays in memory.
#pragma once

#include <polyquant/encoding.hpp>

#include <functional>
#include <memory>
#include <mutex>
#include <utility>

namespace pq {

/// Rows whose pages are given back when another matrix of the same InMemory is read: those for trials are spread over a matrix, which then would
/// stay until all folds are chosen.
class ReleasedRows final : public TensorRows {
 public:
  /// Gives back the pages of one matrix.
  using Release = std::function<void()>;

  /// Which matrix was read last. Callable from any thread.
  class InMemory {
   public:
    void release() { read(nullptr); }

   private:
    friend class ReleasedRows;
    void read(const ReleasedRows* rows) {
      const std::lock_guard lock(mutex_);
      if (rows == last_) return;
      if (last_ != nullptr) last_->release_();
      last_ = rows;
    }
    std::mutex mutex_;
    const ReleasedRows* last_ = nullptr;
  };

  ReleasedRows(std::unique_ptr<const TensorRows> rows, Release release, std::shared_ptr<InMemory> in_memory)
      : rows_(std::move(rows)), release_(std::move(release)), in_memory_(std::move(in_memory)) {}

  std::int64_t rows() const override { return rows_->rows(); }
  std::int64_t cols() const override { return rows_->cols(); }
  void read(std::int64_t first, Matrix out) const override {
    in_memory_->read(this);
    rows_->read(first, out);
  }

 private:
  std::unique_ptr<const TensorRows> rows_;
  Release release_;
  std::shared_ptr<InMemory> in_memory_;
};

}  // namespace pq
