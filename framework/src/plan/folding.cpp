#include "plan/folding.hpp"

#include "forward/forward_model.hpp"

#include <polyquant/base/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

namespace pq {
namespace {

/// Weights that are still those of the model, not codes whose scales were chosen once: they can be scaled without a loss of their own.
bool is_floating(const RowDecoder& stored) {
  if (stored.common() == nullptr) return false;
  return !stored.common()->info().grid.has_codes();
}

/// Why the rows of this tensor cannot be scaled; "" = they can.
std::string obstacle(const ViewTensor& tensor, const PlannedTensor& planned) {
  if (tensor.is_transposed()) return "is stored transposed";
  if (planned.encoding == nullptr) return "is copied without being decoded";
  if (planned.route != Route::quantize && !is_floating(planned.stored))
    return "keeps the codes that are stored";
  return "";
}

class FoldingPlanner {
 public:
  FoldingPlanner(PlannedOutput& output, std::shared_ptr<const ForwardModel> model) : output_(output) {
    folding_.readers.resize(model->folds().size());
    obstacles_.resize(model->folds().size());
    folding_.model = std::move(model);
    find_obstacles();
    find_readers();
  }

  /// Lets what changes be encoded anew.
  std::shared_ptr<const PlannedFolding> finish() {
    folding_.is_scaled.assign(output_.tensors.size(), 0);
    for (std::size_t i = 0; i < output_.tensors.size(); ++i)
      for (const std::size_t f : folds_of(i))
        if (!folding_.readers[f].empty()) {
          folding_.is_scaled[i] = 1;
          output_.tensors[i].route = Route::quantize;
        }
    return std::make_shared<const PlannedFolding>(std::move(folding_));
  }
  std::size_t used() const {
    return static_cast<std::size_t>(std::count_if(folding_.readers.begin(), folding_.readers.end(),
                                                  [](const auto& readers) { return !readers.empty(); }));
  }
  std::size_t left_out() const {
    return static_cast<std::size_t>(std::count_if(obstacles_.begin(), obstacles_.end(),
                                                  [](const std::string& text) { return !text.empty(); }));
  }
  std::string first_obstacle() const {
    for (const std::string& text : obstacles_)
      if (!text.empty()) return text;
    return "";
  }

 private:
  std::vector<std::size_t> folds_of(std::size_t tensor) const {
    return folding_.model->fold_map().of(*output_.view, output_.tensors[tensor].view_index);
  }

  void find_obstacles() {
    std::set<std::size_t> covered;
    for (std::size_t i = 0; i < output_.tensors.size(); ++i) {
      const PlannedTensor& planned = output_.tensors[i];
      const ViewTensor& tensor = output_.view->tensors[planned.view_index];
      for (const RowMap::Part& part : tensor.map.parts) covered.insert(part.stored);
      const std::string reason = obstacle(tensor, planned);
      if (reason.empty()) continue;
      for (const std::size_t f : folds_of(i))
        if (obstacles_[f].empty()) obstacles_[f] = fmt::format("tensor '{}' {}", tensor.name, reason);
    }
    for (const auto& [stored, folds] : folding_.model->fold_map().by_stored())
      if (!covered.contains(stored))
        for (const std::size_t f : folds)
          obstacles_[f] = fmt::format("tensor '{}' is not part of the output",
                                      output_.view->reader->header().tensors[stored].name);
  }

  void find_readers() {
    std::map<const Site*, std::size_t> folds;
    for (std::size_t f = 0; f < obstacles_.size(); ++f)
      for (const Site* site : folding_.model->folds()[f].sites)
        if (obstacles_[f].empty()) folds.emplace(site, f);
    for (std::size_t i = 0; i < output_.tensors.size(); ++i) {
      const auto& sites = output_.tensors[i].sites;
      for (std::size_t m = 0; m < sites.size(); ++m)
        if (const auto found = folds.find(sites[m]); found != folds.end())
          folding_.readers[found->second].push_back({i, static_cast<std::int64_t>(m)});
    }
  }

  PlannedOutput& output_;
  PlannedFolding folding_;
  std::vector<std::string> obstacles_;  // by fold
};

}  // namespace

void plan_folding(PlannedOutput& output, std::shared_ptr<const ForwardModel> model, const Mark& mark,
                  std::vector<std::string>& warnings) {
  const std::string& id = output.folder->info().id;
  FoldingPlanner planner(output, std::move(model));
  const std::string why = planner.first_obstacle();
  if (planner.used() == 0)
    throw_at(mark,
             fmt::format("quantizer '{}' finds no channels that it could scale: {}", id,
                         why.empty() ? "no matrix that gets codes and is stored as [out, in] reads a value "
                                       "that a norm or another matrix makes for it alone"
                                     : why + "; quantize the original model, or leave this quantizer out"));
  if (planner.left_out() > 0)
    warnings.push_back(fmt::format("{} of {} places where '{}' could scale channels stay as they are: {}",
                                   planner.left_out(), planner.left_out() + planner.used(), id, why));
  output.folding = planner.finish();
}

std::int64_t rows_of_matrix(const Shape& shape) {
  return shape.size() < 3 ? rows(shape) : shape[shape.size() - 2];
}

std::uint64_t folding_bytes(const PlannedOutput& output, int threads) {
  if (output.folding == nullptr) return 0;
  constexpr std::uint64_t kFloat = sizeof(float);
  std::map<int, std::uint64_t> grams;  // by layer: of scaled inputs
  std::uint64_t scales = 0, trial = 0;
  for (std::size_t f = 0; f < output.folding->readers.size(); ++f) {
    if (output.folding->readers[f].empty()) continue;
    const Fold& fold = output.folding->model->folds()[f];
    for (const FoldedMatrix& matrix : output.folding->readers[f]) {
      const PlannedTensor& planned = output.tensors[matrix.tensor];
      const Shape& shape = output.view->tensors[planned.view_index].shape;
      const QuantMemory memory = output.folder->memory(*planned.encoding, rows_of_matrix(shape), cols(shape));
      trial = std::max(trial, memory.preparing + memory.quantizing * static_cast<std::uint64_t>(threads));
    }
    for (const Site* site : fold.sites) {
      const auto cols = static_cast<std::uint64_t>(site->cols);
      scales = scales + 2 * cols * kFloat;
      if (output.quantizer->info().needs.gram) grams[fold.layer] += cols * cols * kFloat;
    }
  }
  std::uint64_t largest = 0;
  for (const auto& [layer, bytes] : grams) largest = std::max(largest, bytes);
  return scales + std::max(trial, largest);
}

}  // namespace pq
