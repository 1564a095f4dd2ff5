// What a model predicts at the scored positions of a text: computed now, or kept in a file.
#pragma once

#include "evaluation/residual_run.hpp"
#include "evaluation/text_chunks.hpp"

#include <polyquant/base/matrix.hpp>

#include <cstdint>
#include <memory>

namespace pq {

/// One caller at a time.
class Predictions {
 public:
  virtual ~Predictions() = default;
  virtual std::int64_t vocabulary() const = 0;
  /// Memory that a chunk takes while it is entered.
  virtual std::int64_t chunk_bytes(std::int64_t context) const = 0;
  /// rows() will be asked for these chunks.
  virtual void enter(const TextChunks& chunks, std::size_t first, std::size_t count) = 0;
  /// Logits of the scored positions [first, first + count) of a chunk, at most kHeadRows; they live until the next call.
  virtual ConstMatrix rows(std::size_t chunk, std::int64_t first, std::int64_t count) = 0;
  /// The rows are rounded log-probabilities: their sum is taken as 1, and the least are too coarse for a divergence.
  virtual bool are_rounded() const { return false; }
};

/// Of a model that runs. The pass must outlive them.
std::unique_ptr<Predictions> running_predictions(Judged model);

}  // namespace pq
