#include "tokenizer/pre_tokenizer_structure.hpp"

#include "plugin/registry.hpp"

#include <polyquant/base/file.hpp>

namespace pq {
namespace {

constexpr std::uint64_t kMaxTableBytes = std::uint64_t{4} << 20;
constexpr const char* kMetaspace = "\xE2\x96\x81";

Json split(const Json& regex) {
  return json_object({{"type", Json("Split")},
                      {"pattern", json_object({{"Regex", regex}})},
                      {"behavior", Json("Isolated")},
                      {"invert", Json(false)}});
}

Json sequence(const Json::Array& regexes, bool byte_level_regex) {
  const Json byte_level = json_object({{"type", Json("ByteLevel")},
                                       {"add_prefix_space", Json(false)},
                                       {"trim_offsets", Json(true)},
                                       {"use_regex", Json(byte_level_regex)}});
  if (regexes.empty()) return byte_level;
  Json::Array steps;
  for (const Json& regex : regexes)
    steps.push_back(regex == Json("\\p{N}")
                        ? json_object({{"type", Json("Digits")}, {"individual_digits", Json(true)}})
                        : split(regex));
  steps.push_back(byte_level);
  return json_object({{"type", Json("Sequence")}, {"pretokenizers", Json(std::move(steps))}});
}

PreTokenizerParts from_structure(const Json& structure) {
  PreTokenizerParts parts;
  const std::string normalizer = structure.find("normalizer")->string();
  if (!normalizer.empty()) parts.normalizer = json_object({{"type", Json(normalizer)}});
  parts.pre_tokenizer =
      sequence(structure.find("splits")->array(), structure.find("byte_level_regex")->boolean());
  const Json* ignore = structure.find("ignore_merges");
  parts.ignore_merges = ignore != nullptr && ignore->boolean();
  return parts;
}

PreTokenizerParts metaspace_parts() {
  PreTokenizerParts parts;
  parts.metaspace = true;
  parts.normalizer = json_object({{"type", Json("Replace")},
                                  {"pattern", json_object({{"String", Json(" ")}})},
                                  {"content", Json(kMetaspace)}});
  parts.pre_tokenizer = json_object({{"type", Json("Split")},
                                     {"pattern", json_object({{"String", Json(" ")}})},
                                     {"behavior", Json("MergedWithPrevious")},
                                     {"invert", Json(false)}});
  return parts;
}

// Of an engine; nothing if it has a rule that tokenizer.json has no form for.
std::optional<Json::Array> expressions(const Json& engine) {
  Json::Array list;
  for (const Json& item : engine.find("regexes")->array()) {
    const Json* regex = item.is_string() ? &item : item.find("regex");
    if (regex == nullptr) return std::nullopt;
    list.push_back(*regex);
  }
  return list;
}

// Another name of the same splitter.
bool same_splitter(const Json* a, const Json* b) {
  return a != nullptr && b != nullptr && *a->find("regexes") == *b->find("regexes") &&
         *a->find("ignore_merges") == *b->find("ignore_merges");
}

}  // namespace

const Json& pre_tokenizer_table() {
  static const Json kTable = [] {
    const auto path = data_folder() / "families" / "common" / "pre-tokenizers.json";
    return parse_json(read_text_file(path, kMaxTableBytes), path.string());
  }();
  return kTable;
}

std::optional<PreTokenizerParts> pre_tokenizer_parts(const std::string& name) {
  const Json& table = pre_tokenizer_table();
  const Json* structures = table.find("structures");
  const Json* engines = table.find("engines");
  const Json* engine = engines == nullptr ? nullptr : engines->find(name);
  const Json* metaspace = engine == nullptr ? nullptr : engine->find("metaspace");
  if (metaspace != nullptr && *metaspace == Json(true)) return metaspace_parts();
  if (structures != nullptr) {
    for (const Json& structure : structures->array())
      if (*structure.find("pre") == Json(name)) return from_structure(structure);
    for (const Json& structure : structures->array())
      if (same_splitter(engine, engines->find(structure.find("pre")->string())))
        return from_structure(structure);
  }
  const auto regexes = engine == nullptr ? std::nullopt : expressions(*engine);
  if (!regexes) return std::nullopt;
  PreTokenizerParts parts;
  parts.pre_tokenizer = sequence(*regexes, false);
  parts.ignore_merges = engine->find("ignore_merges")->boolean();
  return parts;
}

}  // namespace pq
