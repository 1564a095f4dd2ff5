#include "common/storage_config.hpp"

#include "common/printable.hpp"
#include "common/strict_json.hpp"

#include <polyquant/base/error.hpp>
#include <polyquant/base/file.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

namespace pq::hf {
namespace {

constexpr std::uint64_t kMaxConfigBytes = 64ull << 20;
constexpr const char* kConfig = "config.json";
constexpr const char* kKey = "quantization_config";

std::string text_of(const SideFile& file) {
  return file.path.empty() ? file.content : read_text_file(file.path, kMaxConfigBytes);
}

std::string place_of(const SideFile& file) { return file.path.empty() ? file.name : file.path.string(); }

// config.json without its description, which goes to `found` if it has one.
void take_key(SideFile& file, StorageConfig& found) {
  const std::string text = text_of(file), place = place_of(file);
  parse_strict_json(text, place);
  auto config = nlohmann::ordered_json::parse(text);
  if (!config.is_object() || !config.contains(kKey)) return;
  nlohmann::json values = config[kKey];
  config.erase(kKey);
  file = {kConfig, {}, config.dump(2) + "\n"};
  if (values.is_null()) return;
  if (!values.is_object()) throw FormatError(place + ": quantization_config must be an object");
  found.add(std::move(values), place + ": quantization_config");
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

// Settings without which the numbers cannot be read, or mean something else, by all their names.
constexpr std::initializer_list<const char*> kMethod = {"quant_method", "method"},
                                             kBits = {"bits", "w_bit", "wbits"},
                                             kGroup = {"group_size", "q_group_size", "groupsize"},
                                             kSymmetric = {"sym"}, kOrder = {"desc_act"},
                                             kZeros = {"zero_point"},
                                             kZeroKind = {"checkpoint_format", "format", "version"},
                                             kWord = {"pack_dtype"}, kDynamic = {"dynamic"};
constexpr std::array<std::initializer_list<const char*>, 9> kSettings = {
    kMethod, kBits, kGroup, kSymmetric, kOrder, kZeros, kZeroKind, kWord, kDynamic};

bool are_alike(const nlohmann::json& a, const nlohmann::json& b) {
  if (a.is_string() && b.is_string()) return lower(a.get<std::string>()) == lower(b.get<std::string>());
  return a == b;
}

// A setting of config.json, null if there is none.
nlohmann::json setting_of(const std::vector<SideFile>& files, const char* key) {
  for (const SideFile& file : files) {
    if (file.name != kConfig) continue;
    const nlohmann::json config = parse_strict_json(text_of(file), place_of(file));
    return config.is_object() ? config.value(key, nlohmann::json()) : nlohmann::json();
  }
  return {};
}

}  // namespace

bool names_method(std::string_view config, std::string_view method) {
  const std::string_view key = "\"quant_method\"";
  const std::string value = fmt::format("\"{}\"", method);
  for (std::size_t at = config.find(key); at != std::string_view::npos; at = config.find(key, at + 1)) {
    std::string_view rest = config.substr(at + key.size());
    const auto skip = [&](std::string_view wanted) {
      const std::size_t from = rest.find_first_not_of(" \t\r\n");
      if (from == std::string_view::npos || !rest.substr(from).starts_with(wanted)) return false;
      rest.remove_prefix(from + wanted.size());
      return true;
    };
    if (skip(":") && skip(value)) return true;
  }
  return false;
}

const nlohmann::json* StorageConfig::Source::find(std::initializer_list<const char*> names,
                                                  const char** name) const {
  for (const char* wanted : names)
    if (const auto found = values.find(wanted); found != values.end() && !found->is_null()) {
      *name = wanted;
      return &*found;
    }
  return nullptr;
}

StorageConfig::Found StorageConfig::find(std::initializer_list<const char*> names) const {
  const char* name = nullptr;
  for (const Source& source : sources_)
    if (const nlohmann::json* value = source.find(names, &name)) return {value, &source.place};
  return {};
}

void StorageConfig::add(nlohmann::json values, std::string place) {
  const Source added{std::move(values), std::move(place)};
  for (const Source& other : sources_)
    for (const auto& names : kSettings) {
      const char *name = nullptr, *other_name = nullptr;
      const nlohmann::json *value = added.find(names, &name), *known = other.find(names, &other_name);
      if (value == nullptr || known == nullptr || are_alike(*value, *known)) continue;
      throw FormatError(fmt::format(
          "{}: {} is {}, but {}: {} is {}; loaders take the one or the other, so make the two files agree on "
          "what the tensors are",
          other.place, other_name, shown(known->dump()), added.place, name, shown(value->dump())));
    }
  sources_.push_back(added);
}

std::optional<std::int64_t> StorageConfig::integer(std::initializer_list<const char*> names) const {
  const auto [value, place] = find(names);
  if (value == nullptr) return std::nullopt;
  if (!value->is_number_integer() ||
      (value->is_number_unsigned() && value->get<std::uint64_t>() > 1u << 30) ||
      value->get<std::int64_t>() < -1)
    throw FormatError(fmt::format("{}: {} must be an integer from -1 to 2^30, it is {}", *place,
                                  *names.begin(), shown(value->dump())));
  return value->get<std::int64_t>();
}

std::optional<bool> StorageConfig::boolean(std::initializer_list<const char*> names) const {
  const auto [value, place] = find(names);
  if (value == nullptr) return std::nullopt;
  if (!value->is_boolean())
    throw FormatError(
        fmt::format("{}: {} must be true or false, it is {}", *place, *names.begin(), shown(value->dump())));
  return value->get<bool>();
}

std::optional<std::string> StorageConfig::text(std::initializer_list<const char*> names) const {
  const auto [value, place] = find(names);
  if (value == nullptr) return std::nullopt;
  if (!value->is_string())
    throw FormatError(
        fmt::format("{}: {} must be a text, it is {}", *place, *names.begin(), shown(value->dump())));
  return lower(value->get<std::string>());
}

const nlohmann::json* StorageConfig::value(const char* name) const { return find({name}).value; }

StorageConfig take_storage_config(ModelHeader& header, std::initializer_list<const char*> own_files) {
  StorageConfig found;
  for (SideFile& file : header.side_files)
    if (file.name == kConfig) take_key(file, found);
  for (const char* name : own_files) {
    const auto own = std::find_if(header.side_files.begin(), header.side_files.end(),
                                  [&](const SideFile& file) { return file.name == name; });
    if (own == header.side_files.end()) continue;
    const std::string place = place_of(*own);
    nlohmann::json values = parse_strict_json(text_of(*own), place);
    if (!values.is_object()) throw FormatError(place + ": must be an object");
    found.add(std::move(values), place);
    header.side_files.erase(own);
  }
  return found;
}

void refuse_turned_matrices(const std::vector<SideFile>& files, std::string_view format) {
  const nlohmann::json type = setting_of(files, "model_type");
  for (const char* turned : {"gpt2", "openai-gpt", "imagegpt", "decision_transformer"})
    if (type == turned)
      throw ConfigError(fmt::format(
          "'{}' models store matrices as [in, out], which format '{}' cannot write in the order of its "
          "loaders; choose gguf or safetensors",
          turned, format));
}

bool ties_head(const std::vector<SideFile>& files) {
  return setting_of(files, "tie_word_embeddings") == true;
}

std::string tied_head_warning() {
  return "lm_head is packed, but config.json says tie_word_embeddings: loaders take the embedding for the "
         "head "
         "and leave these codes unread; keep the head in 16 bits (rules: [{match: output, encoding: bf16}]), "
         "or "
         "set tie_word_embeddings to false";
}

void put_storage_config(std::vector<SideFile>& files, const nlohmann::ordered_json& values) {
  auto file =
      std::find_if(files.begin(), files.end(), [](const SideFile& side) { return side.name == kConfig; });
  auto config = nlohmann::ordered_json::object();
  if (file != files.end()) {
    const std::string text = text_of(*file), place = place_of(*file);
    if (!parse_strict_json(text, place).is_object()) throw FormatError(place + ": must be an object");
    config = nlohmann::ordered_json::parse(text);
  } else {
    file = files.insert(file, SideFile{});
  }
  config[kKey] = values;
  *file = {kConfig, {}, config.dump(2) + "\n"};
}

}  // namespace pq::hf
