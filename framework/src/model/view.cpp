#include "model/view.hpp"

#include "model/unknown_family.hpp"
#include "model/view_builder.hpp"

#include <polyquant/base/error.hpp>

namespace pq {
namespace {

constexpr std::string_view kNoTranslation =
    "; names cannot be translated between Hugging Face and GGUF, but an output of the same kind can be "
    "written";

}  // namespace

// No other class is suggested: programs write these names, and the nearest one is another model.
void throw_unknown_family(const std::string& place, const std::string& name, std::string_view consequence) {
  throw FormatError(
      place + ": the architecture '" + name + "' is not known (`polyquant help families` lists what is)" +
      std::string(consequence) +
      ". To add a family is to write one file: how-to/add-a-model-family.md in the documentation");
}

Json read_config(const ModelFiles& files) {
  Json config = files.json("config.json");
  if (config.is_null())
    throw FormatError(files.path().string() +
                      ": config.json is missing, which says what kind of model this is" +
                      files.hint_at_folder());
  if (!config.is_object()) throw FormatError(files.path().string() + ": config.json must be a map");
  return config;
}

Json with_nested(const Json& config, const Family& family) {
  Json merged = config;
  for (const std::string& key : family.nested)
    if (const Json* nested = config.find(key); nested != nullptr && nested->is_object())
      for (const auto& [name, value] : nested->object()) merged.set(name, value);
  return merged;
}

std::shared_ptr<const ModelView> make_view(std::shared_ptr<const ModelReader> reader,
                                           const std::filesystem::path& path, Dialect target,
                                           const ViewOptions& options) {
  const ModelFiles files(*reader, path);
  if (options.experts != "auto" && (target != Dialect::huggingface || reader->header().dialect == target))
    throw ConfigError("options.experts: '" + options.experts +
                      "' is for Hugging Face folders that are made from a " +
                      "GGUF file; from this model names are taken as they are; remove it");
  if (reader->header().dialect == target) return identity_view(std::move(reader), files, options);
  if (target == Dialect::gguf) {
    const Json config = read_config(files);
    const Family* family = installed_family(config);
    if (family == nullptr) {
      const Json* names = config.find("architectures");
      const bool listed = names != nullptr && names->is_array() && !names->array().empty();
      const Json* type = config.find("model_type");
      if (!listed && type == nullptr)
        throw FormatError(path.string() + "/config.json: key 'architectures' is missing");
      throw_unknown_family(path.string() + "/config.json", display(listed ? names->array()[0] : *type),
                           kNoTranslation);
    }
    return gguf_view(std::move(reader), files, *family, with_nested(config, *family), options);
  }
  const Metadata& metadata = reader->header().metadata;
  const Family* family = installed_family(metadata);
  if (family == nullptr)
    throw_unknown_family(path.string(), metadata.string("general.architecture", "(none)"), kNoTranslation);
  return huggingface_view(std::move(reader), files, *family, options);
}

}  // namespace pq
