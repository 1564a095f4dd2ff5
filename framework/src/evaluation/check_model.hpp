// Everything that the readers of a model's file rely on.
#pragma once

#include "model/open_model.hpp"
#include "model/view.hpp"

#include <polyquant/base/executor.hpp>

#include <filesystem>
#include <string>
#include <vector>

namespace pq {

struct ModelCheck {
  std::vector<std::string> problems;   // one sentence each
  std::vector<std::string> unchecked;  // what nobody can judge, and why
};

/// The format's own rules, then the rows of every tensor by its encoding (non-finite scales, reserved codes, NaN weights).
PQ_API ModelCheck check_model(const ModelReader& reader, const EncodingLookup& find_encoding,
                              Executor& executor);

/// Whether the tensors are those that the family of the model has: one that is missing, of another shape, or of an unknown name is a problem.
PQ_API void check_family(const OpenedModel& model, const std::filesystem::path& path, ModelCheck& check);

}  // namespace pq
