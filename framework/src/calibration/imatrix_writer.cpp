#include "calibration/imatrix.hpp"

#include <polyquant/base/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace pq {
namespace {

void check(const ImatrixData::Entry& entry) {
  const auto refuse = [&](const std::string& what) {
    throw ConfigError(fmt::format("importance matrix: the entry '{}' {}", entry.name, what));
  };
  if (entry.name.empty() || entry.sums.empty() || entry.counts.empty()) refuse("is empty");
  if (entry.sums.size() % entry.counts.size() != 0)
    refuse(fmt::format("has {} sums for {} matrices", entry.sums.size(), entry.counts.size()));
  for (const float sum : entry.sums)
    if (!std::isfinite(sum) || sum < 0) refuse(fmt::format("has the sum of squares {}", sum));
  for (const std::int64_t count : entry.counts)
    if (count < 0) refuse(fmt::format("has the count {}", count));
}

Metadata metadata_of(const ImatrixData& data) {
  Metadata metadata;
  metadata.set("general.type", std::string("imatrix"));
  metadata.set("imatrix.datasets", data.datasets);
  metadata.set("imatrix.chunk_count", data.chunk_count);
  metadata.set("imatrix.chunk_size", data.chunk_size);
  return metadata;
}

/// ggml drops dimensions of one at the end, so a single matrix is a vector.
OutputTensor f32_tensor(std::string name, std::int64_t rows, std::int64_t cols) {
  const Shape shape = rows == 1 ? Shape{cols} : Shape{rows, cols};
  return {std::move(name), shape, "f32", static_cast<std::uint64_t>(cols) * sizeof(float)};
}

}  // namespace

void write_imatrix(const std::filesystem::path& path, const ImatrixData& data, const Format& gguf) {
  if (data.entries.empty()) throw ConfigError("importance matrix: there are no entries to write");
  std::vector<const ImatrixData::Entry*> ordered;
  for (const ImatrixData::Entry& entry : data.entries) {
    check(entry);
    ordered.push_back(&entry);
  }
  std::sort(ordered.begin(), ordered.end(), [](const auto* a, const auto* b) { return a->name < b->name; });
  OutputModel model;
  model.metadata = metadata_of(data);
  for (const ImatrixData::Entry* entry : ordered) {
    const auto matrices = static_cast<std::int64_t>(entry->counts.size());
    const auto width = static_cast<std::int64_t>(entry->sums.size()) / matrices;
    model.tensors.push_back(f32_tensor(entry->name + ".in_sum2", matrices, width));
    model.tensors.push_back(f32_tensor(entry->name + ".counts", matrices, 1));
  }
  const auto writer = gguf.create(path, model, false);
  for (std::size_t i = 0; i < ordered.size(); ++i) {
    std::vector<float> counts;  // stored as f32, like the sums
    for (const std::int64_t count : ordered[i]->counts) counts.push_back(static_cast<float>(count));
    writer->write_rows(2 * i, 0, std::as_bytes(std::span(ordered[i]->sums)));
    writer->write_rows(2 * i + 1, 0, std::as_bytes(std::span<const float>(counts)));
  }
  writer->seal();
}

}  // namespace pq
