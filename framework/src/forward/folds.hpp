// Where a scale can move from one tensor to others without a change of what the model computes.
#pragma once

#include "forward/flow.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace pq {

/// Channel i of a value can be divided by s[i] in the tensor that makes it, and multiplied with s[i] in the columns of the matrices that read it:
/// nobody else reads the value, and nobody else uses these rows. docs/explain/folds.md says how they are found.
struct Fold {
  int layer = 0;
  std::string producer;  // the tensor that makes the value, in the Hugging Face dialect
  std::int64_t channels = 0;
  std::vector<std::int32_t> channel_of_column;  // empty: column i reads channel i
  float offset = 0;                             // added to the weight of the norm
  std::vector<WeightSlice> weights;             // of the producer: a norm's vectors, or a matrix
  std::vector<WeightSlice> biases;
  bool is_norm = false;
  std::vector<WeightSlice> readers;
  std::vector<const Site*> sites;  // where the value is measured
};

/// All folds within the layers of a model.
std::vector<Fold> find_folds(const Flow& flow, const ModelView& view);

/// What happens to some rows of a stored matrix, or to some numbers of a stored vector.
struct FoldedRun {
  std::int64_t first = 0, count = 0;
  std::size_t fold = 0;
  std::int64_t channel = 0;  // of the first; the others follow
  float offset = 0;          // added before the division and subtracted behind it
};

/// The scales of one fold.
struct ChannelScales {
  std::vector<float> channels;  // empty: all 1
  std::vector<float> columns;   // of a reader; empty likewise
};

/// The folds of a model by what is stored: any view of the same reader finds its rows there.
class FoldMap {
 public:
  FoldMap(const std::vector<Fold>& folds, const ModelView& view);

  /// The folds that a tensor of a view takes part in, without repetition.
  std::vector<std::size_t> of(const ModelView& view, std::size_t tensor) const;
  /// The folds that each stored tensor takes part in.
  std::map<std::size_t, std::vector<std::size_t>> by_stored() const;
  /// Scales rows [first, first + rows.rows) of a tensor, which are as they are in the model; `back`: makes them so again. `scales` is parallel
  /// to the folds.
  void scale(const std::vector<ChannelScales>& scales, const ModelView& view, std::size_t tensor,
             std::int64_t first, Matrix rows, bool back = false) const;

 private:
  struct Stored {
    bool is_vector = false;
    std::vector<FoldedRun> columns, rows;  // by first
  };
  void add(const ModelView& view, const WeightSlice& slice, std::size_t fold, bool as_columns,
           std::int64_t channel, float offset);
  void tidy();

  std::map<std::size_t, Stored> stored_;
};

}  // namespace pq
