#include "evaluation/check_model.hpp"
#include "model/family.hpp"
#include "model/model_files.hpp"

#include <polyquant/base/error.hpp>

#include <string_view>

namespace pq {
namespace {

/// Adapters, importance matrices and the like have tensors of their own; so have codes that no plugin knows.
bool is_whole_model(const OpenedModel& model) {
  const ModelHeader& header = model.reader->header();
  return !header.tensors.empty() && model.unknown_method.empty() &&
         header.metadata.string("general.type", "model") == "model";
}

bool has_family(const ModelReader& reader, const std::filesystem::path& path) {
  if (reader.header().dialect == Dialect::gguf) return installed_family(reader.header().metadata) != nullptr;
  const Json config = ModelFiles(reader, path).json("config.json");
  return config.is_object() && installed_family(config) != nullptr;
}

// What a folder has and only GGUF has no place for is no mistake of the folder; families say it in these words.
bool is_of_gguf_only(std::string_view message, Dialect dialect) {
  return dialect == Dialect::huggingface && message.find("no form in GGUF") != std::string_view::npos;
}

}  // namespace

void check_family(const OpenedModel& model, const std::filesystem::path& path, ModelCheck& check) {
  const Dialect dialect = model.reader->header().dialect;
  ViewOptions options;
  options.tensors_only = true;
  try {
    if (!is_whole_model(model)) return;
    if (!has_family(*model.reader, path)) {
      check.unchecked.push_back(
          "no family file describes the architecture, so nobody can say which tensors it needs");
      return;
    }
    // The other dialect is reached by the family's list of tensors, with their shapes.
    make_view(model.reader, path, dialect == Dialect::gguf ? Dialect::huggingface : Dialect::gguf, options);
  } catch (const FormatError& error) {
    (is_of_gguf_only(error.what(), dialect) ? check.unchecked : check.problems).emplace_back(error.what());
  }
}

}  // namespace pq
