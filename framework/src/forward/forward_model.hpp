// A model whose architecture has a graph: everything that running it needs, except a device.
#pragma once

#include "forward/folds.hpp"
#include "forward/operation.hpp"
#include "model/open_model.hpp"
#include "model/view.hpp"

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace pq {

class Binding;
struct Graph;

/// Immutable; made from headers only.
class ForwardModel {
 public:
  /// Binds the graph of the model's family. Throws FormatError if the model does not fit (unknown architecture, missing, unknown or misshapen
  /// tensors), ConfigError if its family has no graph.
  ForwardModel(const OpenedModel& model, const std::filesystem::path& path);

  const std::shared_ptr<const ModelView>& view() const noexcept { return view_; }
  const std::string& family() const noexcept { return family_; }
  int layers() const noexcept { return static_cast<int>(layers_.size()); }
  std::int64_t hidden_cols() const noexcept { return hidden_; }
  std::int64_t vocabulary() const noexcept { return vocabulary_; }
  /// Columns of all named values of a layer together: what a token takes in memory while a layer runs.
  std::int64_t value_cols() const noexcept { return value_cols_; }
  /// All places of measurement, in the order in which they are met.
  const std::vector<std::shared_ptr<Site>>& sites() const noexcept { return sites_; }

  /// Where scales of channels can move between tensors of a layer, and what that does to stored rows.
  const std::vector<Fold>& folds() const noexcept { return folds_; }
  const FoldMap& fold_map() const noexcept { return *fold_map_; }

  const Operations& embed() const noexcept { return embed_; }
  const Operations& layer(int number) const { return layers_[static_cast<std::size_t>(number)]; }
  const Operations& head() const noexcept { return head_; }

  /// The values that begin and end the lists of a graph: the residual stream and the logits.
  static constexpr const char* kHidden = "x";
  static constexpr const char* kLogits = "logits";

 private:
  void bind(const Graph& graph, Binding& binding);

  std::shared_ptr<const ModelView> view_;
  std::string family_;
  std::int64_t hidden_ = 0, vocabulary_ = 0, value_cols_ = 0;
  std::vector<std::shared_ptr<Site>> sites_;
  std::vector<Fold> folds_;
  std::shared_ptr<const FoldMap> fold_map_;
  Operations embed_, head_;
  std::vector<Operations> layers_;
};

}  // namespace pq
