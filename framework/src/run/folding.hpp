// The scales of channels of one output while it is made: chosen layer by layer, kept for the tensors that come at the end.
#pragma once

#include "calibration/site_sums.hpp"
#include "forward/folds.hpp"
#include "run/measured.hpp"

#include <polyquant/quantizer.hpp>

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace pq {

struct PlannedOutput;

/// What became of one fold.
struct FoldResult {
  int layer = 0;
  std::string producer;
  double loss_before = 0, loss_after = 0;
  std::string choice;
};

/// choose() comes before anything that it has an effect on; all others but statistics() are callable from any thread then.
class Folding {
 public:
  /// `output` has a folder and must outlive it.
  explicit Folding(const PlannedOutput& output);

  /// Chooses the scales of a layer's folds, once. May use all threads.
  void choose(int layer, const MeasuredStatistics& measured, Effort effort, const RunContext& context);
  /// Those of all layers that are left.
  void choose_rest(const MeasuredStatistics& measured, Effort effort, const RunContext& context);

  bool scales(std::size_t tensor) const;
  /// Rows [first, first + rows.rows) of a tensor of the output, as FoldMap::scale().
  void scale(std::size_t tensor, std::int64_t first, Matrix rows, bool back = false) const;
  /// What was measured at a site, as it is with the scales. Shared while somebody holds it. nullptr: nothing changes. From one thread at a time.
  std::shared_ptr<const HostStatistics> statistics(const Site& site, const SiteStatistics& measured);
  /// The importance of columns from a file, likewise.
  void scale_importance(const Site& site, std::vector<float>& importance) const;
  const std::vector<FoldResult>& results() const noexcept { return results_; }

 private:
  const std::vector<float>* columns_of(const Site& site) const;
  void choose_fold(std::size_t fold, const MeasuredStatistics& measured, Effort effort,
                   const RunContext& context);

  const PlannedOutput& output_;
  std::vector<ChannelScales> scales_;             // by fold of the model
  std::map<const Site*, std::size_t> fold_of_;    // of the folds that are used
  std::map<int, std::vector<std::size_t>> left_;  // by layer
  std::map<const Site*, std::weak_ptr<const HostStatistics>> known_;
  std::vector<FoldResult> results_;
};

}  // namespace pq
