// Where a folder says how its weights are stored: quantization_config in config.json, or a file of its own.
#pragma once

#include <polyquant/format.hpp>

#include <nlohmann/json.hpp>

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

namespace pq::hf {

/// True if the text says "quant_method": "METHOD", with any spaces. For probes, which may see only the head of a file.
bool names_method(std::string_view config, std::string_view method);

/// A description of how weights are stored, with typed look-ups. Each takes the names that a value has had over the years; null counts as
/// missing. Throws FormatError, beginning with the place, for wrong types.
class StorageConfig {
 public:
  StorageConfig() = default;
  StorageConfig(nlohmann::json values, std::string place)
      : values_(std::move(values)), place_(std::move(place)) {}

  std::optional<std::int64_t> integer(std::initializer_list<const char*> names) const;
  std::optional<bool> boolean(std::initializer_list<const char*> names) const;
  /// In lower case.
  std::optional<std::string> text(std::initializer_list<const char*> names) const;
  bool has(const char* name) const;
  const std::string& place() const noexcept { return place_; }

 private:
  const nlohmann::json* find(std::initializer_list<const char*> names) const;

  nlohmann::json values_ = nlohmann::json::object();
  std::string place_;
};

/// Takes the description away from the side files, since it says nothing about the model: quantization_config out of config.json, and whole
/// files of these names. Returns the first one, config.json's before those. Empty if there is none. Throws FormatError for invalid JSON.
StorageConfig take_storage_config(ModelHeader& header, std::initializer_list<const char*> own_files);

/// Throws ConfigError for a model whose matrices transformers stores as [in, out] (its Conv1D): quantizing libraries turn them round first,
/// which `format` does not.
void refuse_turned_matrices(const std::vector<SideFile>& files, std::string_view format);

/// Puts `values` into config.json as quantization_config, in a new one if there is none.
void put_storage_config(std::vector<SideFile>& files, const nlohmann::ordered_json& values);

}  // namespace pq::hf
