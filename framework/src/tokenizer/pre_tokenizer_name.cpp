#include "tokenizer/pre_tokenizer_name.hpp"

#include "tokenizer/pre_tokenizer_structure.hpp"
#include "tokenizer/tokenizer.hpp"

#include <polyquant/base/error.hpp>

#include <algorithm>
#include <optional>

namespace pq {
namespace {

struct Structure {
  std::string normalizer;
  std::vector<std::string> splits;
  bool byte_level = false;
  bool byte_level_regex = false;
};

bool is(const Json& object, std::string_view key, const Json& value) {
  const Json* member = object.find(key);
  return member != nullptr && *member == value;
}

bool flag(const Json& object, std::string_view key, bool fallback) {
  const Json* member = object.find(key);
  return member != nullptr && member->is_bool() ? member->boolean() : fallback;
}

// Published files write line ends in expressions as such or as \r and \n: the same expression.
std::string canonical(const std::string& regex) {
  std::string text;
  for (std::size_t i = 0; i < regex.size(); ++i) {
    if (regex[i] != '\\' || i + 1 == regex.size()) {
      text += regex[i];
      continue;
    }
    const char escaped = regex[++i];
    if (escaped == 'r' || escaped == 'n' || escaped == 't')
      text += escaped == 'r' ? '\r' : escaped == 'n' ? '\n' : '\t';
    else
      (text += '\\') += escaped;
  }
  return text;
}

// Adds one step; false if it is none that llama.cpp's tables have.
bool add_step(const Json& step, Structure& structure) {
  if (is(step, "type", "Sequence")) {
    const Json* list = step.find("pretokenizers");
    if (list == nullptr || !list->is_array()) return false;
    for (const Json& inner : list->array())
      if (!add_step(inner, structure)) return false;
    return true;
  }
  if (structure.byte_level) return false;  // a step on mapped characters
  if (is(step, "type", "ByteLevel")) {
    structure.byte_level = true;
    structure.byte_level_regex = flag(step, "use_regex", true);
    return !flag(step, "add_prefix_space", false);
  }
  if (is(step, "type", "Digits")) {
    structure.splits.push_back(flag(step, "individual_digits", false) ? "\\p{N}" : "\\p{N}+");
    return true;
  }
  const Json* regex = step.find_path("pattern.Regex");
  if (!is(step, "type", "Split") || regex == nullptr || !regex->is_string()) return false;
  const bool inverted = flag(step, "invert", false);
  // tiktoken's files remove what is not matched; the patterns match everything.
  if (!(is(step, "behavior", "Isolated") && !inverted) && !(is(step, "behavior", "Removed") && inverted))
    return false;
  structure.splits.push_back(canonical(regex->string()));
  return true;
}

std::optional<std::string> normalizer_name(const Json* normalizer) {
  if (normalizer == nullptr || normalizer->is_null()) return "";
  if (is(*normalizer, "type", "NFC")) return "NFC";
  const Json* list = normalizer->find("normalizers");
  if (!is(*normalizer, "type", "Sequence") || list == nullptr || !list->is_array()) return std::nullopt;
  if (list->array().empty()) return "";
  return list->array().size() == 1 ? normalizer_name(&list->array()[0]) : std::nullopt;
}

std::optional<Structure> structure_of(const TokenizerJson& tokenizer) {
  Structure structure;
  const auto normalizer = normalizer_name(tokenizer.rest.find("normalizer"));
  const Json* steps = tokenizer.rest.find("pre_tokenizer");
  if (!normalizer || steps == nullptr || !add_step(*steps, structure) || !structure.byte_level)
    return std::nullopt;
  structure.normalizer = *normalizer;
  return structure;
}

bool equal(const Json& entry, const Structure& structure, bool ignore_merges) {
  const Json* splits = entry.find("splits");
  const auto same = [](const Json& a, const std::string& b) {
    return a.is_string() && canonical(a.string()) == b;
  };
  return is(entry, "normalizer", Json(structure.normalizer)) && splits != nullptr && splits->is_array() &&
         std::equal(splits->array().begin(), splits->array().end(), structure.splits.begin(),
                    structure.splits.end(), same) &&
         is(entry, "byte_level_regex", Json(structure.byte_level_regex)) &&
         flag(entry, "ignore_merges", ignore_merges) == ignore_merges;
}

}  // namespace

std::string pre_tokenizer_by_structure(const TokenizerJson& tokenizer) {
  const auto structure = structure_of(tokenizer);
  const Json* known = pre_tokenizer_table().find("structures");
  if (!structure || known == nullptr || !known->is_array()) return {};
  for (const Json& entry : known->array())
    if (equal(entry, *structure, tokenizer.model_flag("ignore_merges"))) return entry.find("pre")->string();
  return {};
}

std::string pre_tokenizer_by_fingerprint(const TokenizerJson& tokenizer) {
  const Json* text = pre_tokenizer_table().find("test_string");
  const Json* known = pre_tokenizer_table().find("fingerprints");
  if (text == nullptr || !text->is_string() || known == nullptr || !known->is_array()) return {};
  const std::string hash = fingerprint(Tokenizer(tokenizer).encode(text->string()));
  std::string name;
  for (const Json& entry : known->array())
    if (entry.is_array() && entry.array().size() == 2 && entry.array()[0] == Json(hash))
      name = entry.array()[1].string();
  return name;  // the last match counts, as in the converter
}

std::string pre_tokenizer_name(const TokenizerJson& tokenizer) {
  std::string name;
  std::string reason;
  try {
    name = pre_tokenizer_by_fingerprint(tokenizer);
  } catch (const FormatError& error) {
    reason = std::string(" (") + error.what() + ")";  // a part that only its structure can tell
  }
  if (name.empty()) name = pre_tokenizer_by_structure(tokenizer);
  if (!name.empty()) return name;
  throw FormatError(
      tokenizer.source + ": the pre-tokenizer is none that llama.cpp is known to have" + reason +
      "; if you know its name there (llama-bpe, qwen2, deepseek-v3, ...), give it: `--set "
      "outputs.0.options.pre_tokenizer=NAME`, or in YAML `options: {pre_tokenizer: NAME}` of the "
      "output");
}

}  // namespace pq
