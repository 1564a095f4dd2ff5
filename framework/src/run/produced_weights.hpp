// The weights of a layer as the output's rows decode: what the samples go through with `calibration.inputs: quantized`.
#pragma once

#include "forward/weights.hpp"

#include <map>
#include <mutex>
#include <vector>

namespace pq {

/// A weight source whose rows are replaced one by one; all others are those of `original`, which must outlive it.
class ProducedWeights final : public WeightSource {
 public:
  explicit ProducedWeights(const WeightSource& original) : original_(original) {}

  /// Rows [first, first + rows.rows) of a tensor of `view`, another view of the same reader in which rows are rows of the source. Callable from any
  /// thread on disjoint rows, while nobody reads.
  void put(const ModelView& view, std::size_t tensor, std::int64_t first, ConstMatrix rows);
  /// Forgets them: the layer has run.
  void clear() { replaced_.clear(); }

  const ModelView& view() const override { return original_.view(); }
  void read(std::size_t tensor, std::int64_t first, Matrix out,
            std::vector<std::byte>& scratch) const override;
  ActivationRounding activations(std::size_t tensor) const override { return original_.activations(tensor); }
  void release(std::size_t tensor, std::int64_t first, std::int64_t count) const override {
    original_.release(tensor, first, count);
  }

 private:
  struct Rows {
    std::vector<float> values;
    std::vector<char> is_there;
  };
  Rows& rows_of(const ModelReader& reader, std::size_t stored);

  const WeightSource& original_;
  std::mutex mutex_;
  std::map<std::size_t, Rows> replaced_;  // by stored tensor
};

}  // namespace pq
