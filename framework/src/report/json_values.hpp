// Values of model files as JSON.
#pragma once

#include <polyquant/base/metadata.hpp>

#include <nlohmann/json.hpp>

#include <filesystem>

namespace pq {

/// The number, or null if it is NaN or infinite: JSON has no word for those.
PQ_API nlohmann::ordered_json json_number(double value);
/// The shortest decimal that reads back as the same f32.
PQ_API nlohmann::ordered_json json_number(float value);
/// All entries, arrays in full.
PQ_API nlohmann::ordered_json json_of(const Metadata& metadata);
/// A JSON file, or null if it is missing, larger than 64 MiB, malformed, or nested more than 64 levels deep.
PQ_API nlohmann::ordered_json json_file_or_null(const std::filesystem::path& file);

}  // namespace pq
