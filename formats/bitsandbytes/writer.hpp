// Writes an output of the format.
#pragma once

#include "bitsandbytes/pieces.hpp"

#include <polyquant/format.hpp>

#include <filesystem>
#include <memory>

namespace pq::bnb {

/// Takes rows apart into the stored tensors. Rows of a nested tensor must agree on the range of each 256 blocks, or it throws FormatError.
std::unique_ptr<ModelWriter> make_writer(const std::filesystem::path& path, const OutputModel& model,
                                         OutputPlan plan, bool resume);

}  // namespace pq::bnb
