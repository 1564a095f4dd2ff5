#include "model/model_card.hpp"

#include "config/yaml.hpp"

#include <polyquant/base/error.hpp>

namespace pq {
namespace {

constexpr std::uint64_t kMaxCardBytes = std::uint64_t{16} << 20;

// The lines between the first two "---".
std::string front_matter(const std::string& card) {
  std::string out;
  bool inside = false;
  for (std::size_t start = 0; start < card.size();) {
    const std::size_t end = std::min(card.find('\n', start), card.size());
    std::string line = card.substr(start, end - start);
    if (!line.empty() && line.back() == '\r') line.pop_back();
    start = end + 1;
    if (line == "---") {
      if (inside) return out;
      inside = true;
      continue;
    }
    if (!inside) return {};
    for (const char c : line)
      out += c == '\t' ? std::string("  ") : c == '$' ? std::string("$$") : std::string(1, c);
    out += '\n';
  }
  return {};
}

void set(std::string& field, const Node& card, std::initializer_list<const char*> keys) {
  for (const char* key : keys) {
    const Node* node = card.find(key);
    if (!field.empty() || node == nullptr) continue;
    if (node->is_scalar()) field = node->text();
    for (const Node& item : node->items())
      if (item.is_scalar()) field += (field.empty() ? "" : ",") + item.text();
  }
}

void append(std::vector<std::string>& field, const Node& card, const char* key) {
  const Node* node = card.find(key);
  if (node == nullptr) return;
  if (node->is_scalar()) field.push_back(node->text());
  for (const Node& item : node->items())
    if (item.is_scalar()) field.push_back(item.text());
}

void append_first(std::vector<std::string>& field, const Node& card,
                  std::initializer_list<const char*> keys) {
  for (const char* key : keys)
    if (card.find(key) != nullptr) return append(field, card, key);
}

}  // namespace

ModelCard read_model_card(const ModelFiles& files, std::vector<std::string>& warnings) {
  ModelCard card;
  Node root;
  try {
    const auto text = files.text("README.md", kMaxCardBytes);
    const std::string yaml = text ? front_matter(*text) : std::string();
    if (yaml.empty()) return card;
    root = parse_yaml(yaml, "README.md");
  } catch (const Error& error) {
    warnings.push_back(std::string("the model card is left out: ") + error.what());
    return card;
  }
  set(card.name, root, {"name", "model_name"});
  set(card.author, root, {"author", "model_author", "model_creator"});
  set(card.version, root, {"version", "model_version"});
  set(card.organization, root, {"organization", "model_organization"});
  set(card.description, root, {"description", "model_description"});
  set(card.finetune, root, {"finetune", "model_finetune"});
  set(card.basename, root, {"basename", "model_basename", "model_type"});
  set(card.size_label, root, {"size_label", "model_size_label"});
  set(card.source_url, root, {"url", "model_url"});
  set(card.source_doi, root, {"doi", "model_doi"});
  set(card.source_uuid, root, {"uuid", "model_uuid"});
  set(card.source_repo_url, root, {"repo_url", "model_repo_url"});
  set(card.license, root, {"license"});
  set(card.license_name, root, {"license_name"});
  set(card.license_link, root, {"license_link"});
  append_first(card.base_models, root, {"base_model", "base_models", "base_model_sources"});
  append_first(card.datasets, root, {"datasets", "dataset", "dataset_sources"});
  append(card.tags, root, "tags");
  append(card.tags, root, "pipeline_tag");
  append(card.languages, root, "languages");
  append(card.languages, root, "language");
  return card;
}

}  // namespace pq
