// The YAML front matter of README.md.
#pragma once

#include "model/model_files.hpp"

#include <string>
#include <vector>

namespace pq {

struct ModelCard {
  std::string name, author, version, organization, finetune, basename, description, size_label;
  std::string license, license_name, license_link;
  std::string source_url, source_doi, source_uuid, source_repo_url;
  std::vector<std::string> base_models, datasets, tags, languages;
};

/// The model card; empty if there is none. One that cannot be read adds a warning.
ModelCard read_model_card(const ModelFiles& files, std::vector<std::string>& warnings);

}  // namespace pq
