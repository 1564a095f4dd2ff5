#include "model/family.hpp"

#include "config/yaml.hpp"
#include "model/scope.hpp"
#include "plugin/registry.hpp"

#include <polyquant/base/error.hpp>
#include <polyquant/base/file.hpp>

#include <algorithm>
#include <map>
#include <mutex>
#include <set>

namespace pq {
namespace {
constexpr std::uint64_t kMaxFamilyBytes = 1 << 20;
}

std::vector<Family> load_families(const std::filesystem::path& folder, std::string_view word) {
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
  for (const auto& file : files)
    if (const std::string text = read_text_file(file, kMaxFamilyBytes); text.find(word) != std::string::npos)
      families.push_back(parse_family(parse_yaml(text, file.string()), common));
  return families;
}

namespace {

// Families of the installation that mention `word`. Reading YAML takes longer than all else that a plan does, and a model needs one file.
const std::vector<Family>& families_with(const std::string& word) {
  static std::mutex mutex;
  static std::map<std::string, std::vector<Family>> read;  // the addresses of its values stay
  const std::lock_guard lock(mutex);
  const auto found = read.find(word);
  if (found != read.end()) return found->second;
  return read.emplace(word, load_families(data_folder() / "families", word)).first->second;
}

// The first of config.json's classes; null if there is none.
Json first_architecture(const Json& config) {
  const Json* names = config.find("architectures");
  return names != nullptr && names->is_array() && !names->array().empty() ? names->array()[0] : Json();
}

Json model_type(const Json& config) {
  const Json* type = config.find("model_type");
  return type == nullptr ? Json() : *type;
}

const Family* with_name(const std::vector<Family>& families, std::vector<std::string> Family::*names,
                        const Json& wanted) {
  for (const Family& family : families)
    for (const std::string& name : family.*names)
      if (wanted == Json(name)) return &family;
  return nullptr;
}

}  // namespace

const std::vector<Family>& installed_families() { return families_with(""); }

const Family* find_family(const std::vector<Family>& families, const Json& config) {
  const Family* family = with_name(families, &Family::architectures, first_architecture(config));
  return family != nullptr ? family : with_name(families, &Family::model_types, model_type(config));
}

const Family* installed_family(const Json& config) {
  if (const Json name = first_architecture(config); name.is_string())
    if (const Family* family = with_name(families_with(name.string()), &Family::architectures, name))
      return family;
  const Json type = model_type(config);
  return type.is_string() ? with_name(families_with(type.string()), &Family::model_types, type) : nullptr;
}

const Family* installed_family(const Metadata& metadata) {
  const std::string architecture = metadata.string("general.architecture", "");
  return architecture.empty() ? nullptr : find_family(families_with(architecture), metadata);
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

}  // namespace pq
