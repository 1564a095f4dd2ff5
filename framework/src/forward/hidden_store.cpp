#include "forward/hidden_store.hpp"

#include <polyquant/base/error.hpp>

#include <algorithm>
#include <new>
#include <string>

namespace pq {
namespace {

void copy(ConstMatrix from, Matrix to) {
  for (std::int64_t r = 0; r < from.rows; ++r)
    std::copy(from.row(r).begin(), from.row(r).end(), to.row(r).begin());
}

class MemoryStore final : public HiddenStore {
 public:
  MemoryStore(std::int64_t rows, std::int64_t cols)
      : cols_(cols), values_(static_cast<std::size_t>(rows) * static_cast<std::size_t>(cols)) {}
  void read(std::int64_t first, Matrix to) override { copy(rows(first, to.rows), to); }
  void write(std::int64_t first, ConstMatrix from) override { copy(from, rows(first, from.rows)); }

 private:
  Matrix rows(std::int64_t first, std::int64_t count) {
    PQ_ASSERT(first >= 0 && static_cast<std::size_t>((first + count) * cols_) <= values_.size(),
              "rows lie in the store");
    return {values_.data() + first * cols_, count, cols_, cols_};
  }

  std::int64_t cols_;
  std::vector<float> values_;
};

}  // namespace

std::unique_ptr<HiddenStore> memory_store(std::int64_t rows, std::int64_t cols) {
  try {
    return std::make_unique<MemoryStore>(rows, cols);
  } catch (const std::bad_alloc&) {
    throw ResourceError("the activations of " + std::to_string(rows) + " tokens with " +
                        std::to_string(cols) +
                        " columns do not fit into memory; take fewer or shorter samples");
  }
}

}  // namespace pq
