#include "config/defaults.hpp"

#include "config/yaml.hpp"
#include "plugin/registry.hpp"

#include <polyquant/base/error.hpp>

namespace pq {

std::string default_component(const std::string& kind) {
  const std::filesystem::path file = data_folder() / "defaults" / "components.yaml";
  if (!std::filesystem::exists(file))
    throw ConfigError(file.string() + " is missing; set POLYQUANT_DATA to the installation's data folder");
  const Node root = load_yaml(file);
  const Node* value = root.is_map() ? root.find(kind) : nullptr;
  if (value == nullptr) throw ConfigError(file.string() + ": key '" + kind + "' is missing");
  return value->as_string(kind);
}

std::string default_of(const PipelineKey& key) {
  if (key.default_text.empty() && key.has_default_component) return default_component(key.component);
  return key.default_text;
}

}  // namespace pq
