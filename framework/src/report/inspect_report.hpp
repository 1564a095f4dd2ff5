// What is in a model's files, for people and for scripts.
#pragma once

#include "evaluation/check_model.hpp"
#include "evaluation/statistics.hpp"
#include "model/open_model.hpp"

#include <nlohmann/json_fwd.hpp>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace pq {

/// A model as `inspect` shows it: everything as stored.
struct Inspection {
  std::filesystem::path path;
  std::string format;
  std::string architecture;  // "" = unknown
  const ModelHeader* header = nullptr;
  std::int64_t parameters = 0;
  std::uint64_t tensor_bytes = 0;
  std::uint64_t file_bytes = 0;  // of the files with the tensors, headers included
  std::optional<ModelCheck> check;
  double bits_per_weight() const noexcept;
};

/// The header's view of an opened model; it must outlive the result.
PQ_API Inspection inspect_model(const std::filesystem::path& path, const OpenedModel& model);

/// One tensor. Without a decoder there are no statistics.
struct TensorInspection {
  TensorInfo tensor;
  std::optional<TensorStatistics> statistics;
  std::vector<float> first;  // of the first row
};

PQ_API std::string inspection_text(const Inspection& inspection);
PQ_API nlohmann::ordered_json inspection_json(const Inspection& inspection);
PQ_API std::string tensor_text(const TensorInspection& inspection);
PQ_API nlohmann::ordered_json tensor_json(const TensorInspection& inspection);

}  // namespace pq
