#include "model/general_metadata.hpp"

#include "config/yaml.hpp"
#include "model/model_card.hpp"
#include "model/model_name.hpp"
#include "model/sampling.hpp"

#include <polyquant/base/error.hpp>

#include <algorithm>

namespace pq {
namespace {

struct Counts {
  std::int64_t total = 0;
  std::int64_t with_one_expert = 0;
  std::int64_t experts = 0;
};

// As gguf-py's get_total_parameter_count: everything in the file counts, generated tensors too.
Counts count_parameters(const std::vector<ViewTensor>& tensors) {
  Counts counts;
  std::int64_t expert_sum = 0, expert_tensors = 0;
  for (const ViewTensor& tensor : tensors) {
    const std::int64_t size = elements(tensor.shape);
    counts.total += size;
    const bool stacked = tensor.name.find("_exps.") != std::string::npos && tensor.shape.size() >= 3;
    const std::int64_t experts = stacked ? tensor.shape[0] : 1;
    counts.with_one_expert += size / experts;
    if (stacked) {
      expert_sum += experts;
      ++expert_tensors;
    }
  }
  counts.experts = expert_tensors == 0 ? 0 : expert_sum / expert_tensors;
  return counts;
}

void fill(std::string& field, const std::string& value) {
  if (field.empty()) field = value;
}

void fill_from_name(ModelCard& card, const ModelNameParts& parts) {
  fill(card.name, title_of(parts.full_name));
  fill(card.organization, title_of(parts.organization));
  fill(card.basename, parts.basename);
  fill(card.finetune, parts.finetune);
  fill(card.version, parts.version);
  fill(card.size_label, parts.size_label);
}

void add_text(Metadata& metadata, const std::string& key, const std::string& value) {
  if (!value.empty()) metadata.set(key, value);
}

void add_references(Metadata& metadata, const std::string& kind, const std::vector<std::string>& ids,
                    std::int64_t parameters) {
  if (ids.empty()) return;
  metadata.set("general." + kind + ".count", static_cast<std::uint32_t>(ids.size()));
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const std::string prefix = "general." + kind + "." + std::to_string(i) + ".";
    const bool is_url = ids[i].find("://") != std::string::npos;
    const std::string_view hub = "https://huggingface.co/";
    const std::string id = ids[i].starts_with(hub) ? ids[i].substr(hub.size())
                           : is_url                ? std::string()
                                                   : ids[i];
    const ModelNameParts parts = parse_model_name(id, parameters);
    add_text(metadata, prefix + "name", title_of(parts.full_name));
    add_text(metadata, prefix + "version", parts.version);
    add_text(metadata, prefix + "organization", title_of(parts.organization));
    if (is_url)
      add_text(metadata, prefix + "repo_url", ids[i]);
    else if (!parts.organization.empty())
      add_text(metadata, prefix + "repo_url", std::string(hub) + id);
  }
}

void write(Metadata& metadata, const ModelCard& card, std::int64_t parameters) {
  add_text(metadata, "general.name", card.name);
  add_text(metadata, "general.author", card.author);
  add_text(metadata, "general.version", card.version);
  add_text(metadata, "general.organization", card.organization);
  add_text(metadata, "general.finetune", card.finetune);
  add_text(metadata, "general.basename", card.basename);
  add_text(metadata, "general.description", card.description);
  add_text(metadata, "general.size_label", card.size_label);
  add_text(metadata, "general.license", card.license);
  add_text(metadata, "general.license.name", card.license_name);
  add_text(metadata, "general.license.link", card.license_link);
  add_text(metadata, "general.source.url", card.source_url);
  add_text(metadata, "general.source.doi", card.source_doi);
  add_text(metadata, "general.source.uuid", card.source_uuid);
  add_text(metadata, "general.source.repo_url", card.source_repo_url);
  add_references(metadata, "base_model", card.base_models, parameters);
  add_references(metadata, "dataset", card.datasets, parameters);
  if (!card.tags.empty()) metadata.set("general.tags", card.tags);
  if (!card.languages.empty()) metadata.set("general.languages", card.languages);
}

}  // namespace

void add_general_metadata(ModelView& view, const ModelFiles& files, const Json& config,
                          const ViewOptions& options) {
  view.metadata.set("general.type", std::string("model"));
  add_sampling(view.metadata, files.json("generation_config.json"),
               (files.path() / "generation_config.json").string());
  const Counts counts = count_parameters(view.tensors);
  ModelCard card = read_model_card(files, view.warnings);
  if (const Json* id = config.find("_name_or_path"); id != nullptr && id->is_string()) {
    const std::string& text = id->string();
    // More slashes: a path on somebody's computer.
    if (!text.empty() && std::count(text.begin(), text.end(), '/') <= 1)
      fill_from_name(card, parse_model_name(text, counts.total));
  }
  fill_from_name(card, parse_model_name(files.model_name(), counts.total));
  fill(card.name, files.model_name());
  fill(card.size_label,
       size_label(counts.experts > 0 ? counts.with_one_expert : counts.total, counts.experts));
  if (!options.name.empty()) card.name = options.name;
  write(view.metadata, card, counts.total);
}

}  // namespace pq
