#include "run/folding.hpp"

#include "forward/forward_model.hpp"
#include "plan/folding.hpp"
#include "plan/plan.hpp"
#include "run/matrix_rows.hpp"
#include "run/released_rows.hpp"

#include "base/interrupt.hpp"

#include <polyquant/base/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace pq {
namespace {

/// The rows of one matrix of a tensor, and the importance of its columns.
struct Reader {
  std::unique_ptr<const TensorRows> rows;
  std::vector<float> importance;
};

std::vector<float> of_columns(const std::vector<float>& channels, const Fold& fold) {
  if (fold.channel_of_column.empty()) return channels;
  std::vector<float> columns;
  for (const std::int32_t channel : fold.channel_of_column)
    columns.push_back(channels[static_cast<std::size_t>(channel)]);
  return columns;
}

void check_scales(const Quantizer& folder, const Fold& fold, const std::vector<float>& scales) {
  const bool fits = scales.empty() || (static_cast<std::int64_t>(scales.size()) == fold.channels &&
                                       std::all_of(scales.begin(), scales.end(), [](float s) {
                                         return std::isfinite(s) && std::isfinite(1 / s) && s > 0;
                                       }));
  if (!fits)
    throw PluginError(fmt::format("quantizer '{}' gives scales for '{}' that are not {} positive numbers",
                                  folder.info().id, fold.producer, fold.channels));
}

}  // namespace

Folding::Folding(const PlannedOutput& output)
    : output_(output), scales_(output.folding->model->folds().size()) {
  const PlannedFolding& planned = *output.folding;
  for (std::size_t f = 0; f < scales_.size(); ++f) {
    if (planned.readers[f].empty()) continue;
    const Fold& fold = planned.model->folds()[f];
    left_[fold.layer].push_back(f);
    for (const Site* site : fold.sites) fold_of_.emplace(site, f);
  }
}

void Folding::choose(int layer, const MeasuredStatistics& measured, Effort effort,
                     const RunContext& context) {
  const auto found = left_.find(layer);
  if (found == left_.end()) return;
  for (const std::size_t fold : found->second) {
    throw_if_interrupted();
    choose_fold(fold, measured, effort, context);
  }
  left_.erase(found);
}

void Folding::choose_rest(const MeasuredStatistics& measured, Effort effort, const RunContext& context) {
  while (!left_.empty()) choose(left_.begin()->first, measured, effort, context);
}

void Folding::choose_fold(std::size_t index, const MeasuredStatistics& measured, Effort effort,
                          const RunContext& context) {
  const Fold& fold = output_.folding->model->folds()[index];
  const auto& matrices = output_.folding->readers[index];
  FoldJob job;
  job.producer = fold.producer;
  job.channels = fold.channels;
  job.channel_of_column = fold.channel_of_column;
  job.effort = effort;
  const auto in_memory = std::make_shared<ReleasedRows::InMemory>();
  std::vector<Reader> readers(matrices.size());
  for (std::size_t i = 0; i < matrices.size(); ++i) {
    const PlannedTensor& planned = output_.tensors[matrices[i].tensor];
    const ViewTensor& tensor = output_.view->tensors[planned.view_index];
    const std::int64_t count = rows_of_matrix(tensor.shape);
    const std::int64_t first = matrices[i].matrix * count;
    readers[i].rows = std::make_unique<ReleasedRows>(
        std::make_unique<MatrixRows>(*output_.view, planned.view_index, first, count, planned.stored),
        [this, in_view = planned.view_index, first, count] {
          release_rows(*output_.view, in_view, first, count);
        },
        in_memory);
    FoldReader& reader = job.readers.emplace_back();
    reader.tensor = tensor.source_name.empty() ? tensor.name : tensor.source_name;
    reader.weights = readers[i].rows.get();
    reader.encoding = planned.encoding.get();
    reader.statistics = measured.of(*planned.sites[static_cast<std::size_t>(matrices[i].matrix)],
                                    output_.folder->info().fold_needs);
    if (planned.importance == nullptr) continue;
    readers[i].importance = planned.importance->columns(matrices[i].matrix);
    reader.statistics.importance = readers[i].importance;
  }
  FoldScales chosen = output_.folder->fold(job, context);
  in_memory->release();
  check_scales(*output_.folder, fold, chosen.scales);
  results_.push_back({fold.layer, fold.producer, chosen.loss_before, chosen.loss_after, chosen.choice});
  scales_[index].columns = chosen.scales.empty() ? std::vector<float>() : of_columns(chosen.scales, fold);
  scales_[index].channels = std::move(chosen.scales);
}

bool Folding::scales(std::size_t tensor) const { return output_.folding->is_scaled[tensor] != 0; }

void Folding::scale(std::size_t tensor, std::int64_t first, Matrix rows, bool back) const {
  output_.folding->model->fold_map().scale(scales_, *output_.view, output_.tensors[tensor].view_index, first,
                                           rows, back);
}

const std::vector<float>* Folding::columns_of(const Site& site) const {
  const auto found = fold_of_.find(&site);
  if (found == fold_of_.end() || scales_[found->second].columns.empty()) return nullptr;
  return &scales_[found->second].columns;
}

void Folding::scale_importance(const Site& site, std::vector<float>& importance) const {
  const std::vector<float>* scales = columns_of(site);
  if (scales == nullptr) return;
  for (std::size_t c = 0; c < importance.size(); ++c) importance[c] /= (*scales)[c] * (*scales)[c];
}

std::shared_ptr<const HostStatistics> Folding::statistics(const Site& site, const SiteStatistics& measured) {
  const std::vector<float>* scales = columns_of(site);
  if (scales == nullptr) return nullptr;
  std::weak_ptr<const HostStatistics>& known = known_[&site];
  if (auto found = known.lock()) return found;
  auto made = std::make_shared<HostStatistics>();
  made->samples = measured.samples;
  made->cols = site.cols;
  made->importance.assign(measured.importance.begin(), measured.importance.end());
  made->mean_absolute.assign(measured.mean_absolute.begin(), measured.mean_absolute.end());
  scale_importance(site, made->importance);
  for (std::size_t c = 0; c < made->mean_absolute.size(); ++c) made->mean_absolute[c] /= (*scales)[c];
  if (measured.gram.data != nullptr) {
    made->gram.reserve(static_cast<std::size_t>(site.cols * site.cols));
    for (std::int64_t r = 0; r < site.cols; ++r) {
      const auto row = measured.gram.row(r);
      const float own = (*scales)[static_cast<std::size_t>(r)];
      for (std::size_t c = 0; c < row.size(); ++c) made->gram.push_back(row[c] / (own * (*scales)[c]));
    }
  }
  known = made;
  return made;
}

}  // namespace pq
