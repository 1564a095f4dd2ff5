#include "model/family.hpp"

#include "config/yaml.hpp"
#include "model/scope.hpp"
#include "plugin/registry.hpp"

#include <polyquant/base/error.hpp>

#include <algorithm>
#include <set>

namespace pq {

std::vector<Family> load_families(const std::filesystem::path& folder) {
  std::error_code error;
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error))
    if (entry.path().extension() == ".yaml") files.push_back(entry.path());
  if (error || files.empty())
    throw ConfigError(
        folder.string() +
        ": there are no model families here; set POLYQUANT_DATA to the installation's data folder");
  std::sort(files.begin(), files.end());
  const Node common = load_yaml(folder / "common" / "common.yaml");
  std::vector<Family> families;
  for (const auto& file : files) families.push_back(parse_family(load_yaml(file), common));
  return families;
}

const std::vector<Family>& installed_families() {
  static const std::vector<Family> kFamilies = load_families(data_folder() / "families");
  return kFamilies;
}

const Family* find_family(const std::vector<Family>& families, const Json& config) {
  const Json* architectures = config.find("architectures");
  if (architectures != nullptr && architectures->is_array() && !architectures->array().empty())
    for (const Family& family : families)
      for (const std::string& name : family.architectures)
        if (architectures->array()[0] == Json(name)) return &family;
  const Json* model_type = config.find("model_type");
  if (model_type != nullptr)
    for (const Family& family : families)
      for (const std::string& name : family.model_types)
        if (*model_type == Json(name)) return &family;
  return nullptr;
}

const Family* find_family(const std::vector<Family>& families, const Metadata& metadata) {
  const MetaValue* value = metadata.find("general.architecture");
  const auto* architecture = value == nullptr ? nullptr : std::get_if<std::string>(value);
  if (architecture == nullptr) return nullptr;
  const Family* fallback = nullptr;
  for (const Family& family : families) {
    if (family.gguf_architecture != *architecture) continue;
    if (family.gguf_when.empty()) {
      if (fallback == nullptr) fallback = &family;
      continue;
    }
    if (family.gguf_when.test(MetadataScope(metadata, *architecture), false)) return &family;
  }
  return fallback;
}

std::string renamed(std::string name, const Family& family) {
  for (const auto& [from, to] : family.rename) {
    const bool at_begin = from.starts_with('^');
    const std::string_view part = std::string_view(from).substr(at_begin ? 1 : 0);
    const std::size_t at = name.find(part);
    if (at != std::string::npos && (at == 0 || !at_begin)) name.replace(at, part.size(), to);
  }
  return name;
}

std::vector<std::string> known_architectures(const std::vector<Family>& families) {
  std::vector<std::string> names;
  for (const Family& family : families)
    names.insert(names.end(), family.architectures.begin(), family.architectures.end());
  return names;
}

std::vector<std::string> known_gguf_architectures(const std::vector<Family>& families) {
  std::set<std::string> names;
  for (const Family& family : families) names.insert(family.gguf_architecture);
  return {names.begin(), names.end()};
}

}  // namespace pq
