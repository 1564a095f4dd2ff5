// One tensor of a model, under any of its names.
#pragma once

#include "model/view.hpp"

#include <filesystem>
#include <string>

namespace pq {

struct NamedTensor {
  std::shared_ptr<const ModelView> view;
  std::size_t tensor = 0;  // in the view
  const ViewTensor& info() const { return view->tensors[tensor]; }
};

/// By the stored name (rows as stored), else by the name of the source framework, else by today's name of the stored dialect (experts that
/// an old file has one by one). Throws ConfigError with the nearest names, FormatError for a model that cannot be viewed.
PQ_API NamedTensor find_tensor(const std::shared_ptr<const ModelReader>& reader,
                               const std::filesystem::path& path, const std::string& name);

}  // namespace pq
