// Where a folder says how its weights are stored: quantization_config in config.json, or a file of its own.
#pragma once

#include <polyquant/format.hpp>

#include <nlohmann/json.hpp>

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pq::hf {

/// True if the text says "quant_method": "METHOD", with any spaces. For probes, which may see only the head of a file.
bool names_method(std::string_view config, std::string_view method);

/// A description of how weights are stored, with typed look-ups. Each takes the names that a value has had over the years; null counts as
/// missing. Throws FormatError, beginning with the place, for wrong types.
class StorageConfig {
 public:
  StorageConfig() = default;
  StorageConfig(nlohmann::json values, std::string place) { add(std::move(values), std::move(place)); }

  /// Another file that says the same: what is missing in the first is looked for here. Throws FormatError if both state a setting that
  /// reading depends on, and not alike: loaders take the one or the other.
  void add(nlohmann::json values, std::string place);

  std::optional<std::int64_t> integer(std::initializer_list<const char*> names) const;
  std::optional<bool> boolean(std::initializer_list<const char*> names) const;
  /// In lower case.
  std::optional<std::string> text(std::initializer_list<const char*> names) const;
  /// As it is; nullptr if there is none.
  const nlohmann::json* value(const char* name) const;
  bool has(const char* name) const { return value(name) != nullptr; }
  bool empty() const noexcept { return sources_.empty(); }
  /// The first file.
  std::string place() const { return sources_.empty() ? std::string() : sources_.front().place; }

 private:
  struct Source {
    nlohmann::json values;
    std::string place;
    const nlohmann::json* find(std::initializer_list<const char*> names, const char** name) const;
  };
  struct Found {
    const nlohmann::json* value = nullptr;
    const std::string* place = nullptr;
  };
  Found find(std::initializer_list<const char*> names) const;

  std::vector<Source> sources_;
};

/// Takes the description away from the side files, since it says nothing about the model: quantization_config out of config.json, and whole
/// files of these names. Where several are there, config.json's counts before the others. Empty if there is none. Throws FormatError for
/// invalid JSON, and for files that contradict each other.
StorageConfig take_storage_config(ModelHeader& header, std::initializer_list<const char*> own_files);

/// Throws ConfigError for a model whose matrices transformers stores as [in, out] (its Conv1D): quantizing libraries turn them round first,
/// which `format` does not.
void refuse_turned_matrices(const std::vector<SideFile>& files, std::string_view format);

/// True if config.json says tie_word_embeddings: the head is then the embedding, whatever the files hold.
bool ties_head(const std::vector<SideFile>& files);
/// What to say of a packed head then.
std::string tied_head_warning();

/// Puts `values` into config.json as quantization_config, in a new one if there is none.
void put_storage_config(std::vector<SideFile>& files, const nlohmann::ordered_json& values);

}  // namespace pq::hf
