#include "forward/folds.hpp"

#include <algorithm>
#include <set>

namespace pq {
namespace {

/// The run that has this row; nullptr = none.
const FoldedRun* find_run(const std::vector<FoldedRun>& runs, std::int64_t row) {
  const auto after = std::upper_bound(runs.begin(), runs.end(), row,
                                      [](std::int64_t r, const FoldedRun& run) { return r < run.first; });
  if (after == runs.begin()) return nullptr;
  const FoldedRun& run = *std::prev(after);
  return row < run.first + run.count ? &run : nullptr;
}

/// (w + offset) / s - offset, or the inverse.
float divided(float w, float offset, float s, bool back) {
  return back ? (w + offset) * s - offset : (w + offset) / s - offset;
}

void sort_and_merge(std::vector<FoldedRun>& runs, bool as_columns) {
  std::stable_sort(runs.begin(), runs.end(),
                   [](const FoldedRun& a, const FoldedRun& b) { return a.first < b.first; });
  std::vector<FoldedRun> merged;
  for (const FoldedRun& run : runs) {
    if (!merged.empty()) {
      FoldedRun& last = merged.back();
      const bool follows = last.first + last.count == run.first && last.fold == run.fold &&
                           last.offset == run.offset &&
                           (as_columns || last.channel + last.count == run.channel);
      if (follows) {
        last.count += run.count;
        continue;
      }
    }
    merged.push_back(run);
  }
  merged.shrink_to_fit();
  runs = std::move(merged);
}

}  // namespace

FoldMap::FoldMap(const std::vector<Fold>& folds, const ModelView& view) {
  for (std::size_t f = 0; f < folds.size(); ++f) {
    const Fold& fold = folds[f];
    for (const WeightSlice& reader : fold.readers) add(view, reader, f, true, 0, 0);
    std::int64_t channel = 0;
    for (const WeightSlice& slice : fold.weights) {
      add(view, slice, f, false, channel, fold.offset);
      channel += slice.out;
    }
    channel = 0;
    for (const WeightSlice& slice : fold.biases) {
      add(view, slice, f, false, channel, 0);
      channel += slice.out;
    }
  }
  tidy();
}

void FoldMap::add(const ModelView& view, const WeightSlice& slice, std::size_t fold, bool as_columns,
                  std::int64_t channel, float offset) {
  const ViewTensor& tensor = view.tensors[slice.tensor];
  const bool is_vector = slice.matrix < 0;
  const std::int64_t count = is_vector ? elements(tensor.shape) : tensor.shape[tensor.shape.size() - 2];
  for (std::int64_t i = 0; i < slice.out; ++i) {
    std::int64_t row = slice.source_row(i, count) + std::max<std::int64_t>(slice.matrix, 0) * count;
    std::pair<std::size_t, std::int64_t> source;
    if (!is_vector || tensor.elements) {
      source = tensor.map.source(row);
    } else {
      source = tensor.map.source(row / cols(tensor.shape));
      source.second = source.second * cols(tensor.shape) + row % cols(tensor.shape);
    }
    Stored& stored = stored_[source.first];
    stored.is_vector = is_vector;
    auto& runs = as_columns ? stored.columns : stored.rows;
    const float stored_offset = offset == 0 && tensor.add == 0 ? 0 : offset + tensor.add;
    const std::int64_t at = as_columns ? 0 : channel + i;
    if (!runs.empty() && runs.back().fold == fold && runs.back().offset == stored_offset &&
        runs.back().first + runs.back().count == source.second &&
        (as_columns || runs.back().channel + runs.back().count == at))
      ++runs.back().count;
    else
      runs.push_back({source.second, 1, fold, at, stored_offset});
  }
}

void FoldMap::tidy() {
  for (auto& [tensor, stored] : stored_) {
    sort_and_merge(stored.columns, true);
    sort_and_merge(stored.rows, false);
  }
}

std::map<std::size_t, std::vector<std::size_t>> FoldMap::by_stored() const {
  std::map<std::size_t, std::vector<std::size_t>> result;
  for (const auto& [tensor, stored] : stored_) {
    std::set<std::size_t> folds;
    for (const auto* runs : {&stored.columns, &stored.rows})
      for (const FoldedRun& run : *runs) folds.insert(run.fold);
    result[tensor].assign(folds.begin(), folds.end());
  }
  return result;
}

std::vector<std::size_t> FoldMap::of(const ModelView& view, std::size_t tensor) const {
  std::set<std::size_t> folds;
  for (const RowMap::Part& part : view.tensors[tensor].map.parts) {
    const auto found = stored_.find(part.stored);
    if (found == stored_.end()) continue;
    for (const auto* runs : {&found->second.columns, &found->second.rows})
      for (const FoldedRun& run : *runs) folds.insert(run.fold);
  }
  return {folds.begin(), folds.end()};
}

void FoldMap::scale(const std::vector<ChannelScales>& scales, const ModelView& view, std::size_t tensor,
                    std::int64_t first, Matrix rows, bool back) const {
  const ViewTensor& wanted = view.tensors[tensor];
  const auto number = [&](float& w, std::size_t stored, std::int64_t element) {
    const auto found = stored_.find(stored);
    if (found == stored_.end()) return;
    const FoldedRun* run = find_run(found->second.rows, element);
    if (run == nullptr || scales[run->fold].channels.empty()) return;
    const float s = scales[run->fold].channels[static_cast<std::size_t>(run->channel + element - run->first)];
    w = divided(w, run->offset - wanted.add, s, back);
  };
  const auto matrix_row = [&](std::span<float> row, const Stored& stored, std::int64_t source) {
    if (const FoldedRun* run = find_run(stored.columns, source);
        run != nullptr && !scales[run->fold].columns.empty()) {
      const std::vector<float>& s = scales[run->fold].columns;
      for (std::size_t c = 0; c < row.size(); ++c) row[c] = back ? row[c] / s[c] : row[c] * s[c];
    }
    if (const FoldedRun* run = find_run(stored.rows, source);
        run != nullptr && !scales[run->fold].channels.empty()) {
      const float s =
          scales[run->fold].channels[static_cast<std::size_t>(run->channel + source - run->first)];
      for (float& w : row) w = divided(w, 0, s, back);
    }
  };
  for (std::int64_t r = 0; r < rows.rows; ++r) {
    const auto row = rows.row(r);
    if (wanted.elements) {
      for (std::int64_t c = 0; c < rows.cols; ++c) {
        const auto [stored, element] = wanted.map.source((first + r) * rows.cols + c);
        number(row[static_cast<std::size_t>(c)], stored, element);
      }
      continue;
    }
    const auto [stored, source] = wanted.map.source(first + r);
    const auto found = stored_.find(stored);
    if (found == stored_.end()) continue;
    if (!found->second.is_vector) {
      matrix_row(row, found->second, source);
      continue;
    }
    for (std::int64_t c = 0; c < rows.cols; ++c)
      number(row[static_cast<std::size_t>(c)], stored, source * rows.cols + c);
  }
}

}  // namespace pq
