// Whether the model that is read is whole.
#pragma once

#include "model/open_model.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace pq {

/// Throws FormatError for a model without tensors. Sentences on a GGUF file of a known architecture that has not the tensors of its family: one that
/// is written from it has not either, while a folder is refused. Folders may hold more than their family knows.
std::vector<std::string> source_warnings(const OpenedModel& model, const std::filesystem::path& path);

}  // namespace pq
