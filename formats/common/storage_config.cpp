#include "common/storage_config.hpp"

#include "common/printable.hpp"
#include "common/strict_json.hpp"

#include <polyquant/base/error.hpp>
#include <polyquant/base/file.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

namespace pq::hf {
namespace {

constexpr std::uint64_t kMaxConfigBytes = 64ull << 20;
constexpr const char* kConfig = "config.json";
constexpr const char* kKey = "quantization_config";

std::string text_of(const SideFile& file) {
  return file.path.empty() ? file.content : read_text_file(file.path, kMaxConfigBytes);
}

std::string place_of(const SideFile& file) { return file.path.empty() ? file.name : file.path.string(); }

// config.json without its description, which is returned if it has one.
std::optional<StorageConfig> take_key(SideFile& file) {
  const std::string text = text_of(file), place = place_of(file);
  parse_strict_json(text, place);
  auto config = nlohmann::ordered_json::parse(text);
  if (!config.is_object() || !config.contains(kKey)) return std::nullopt;
  const nlohmann::json values = nlohmann::json::parse(config[kKey].dump());
  config.erase(kKey);
  file = {kConfig, {}, config.dump(2) + "\n"};
  if (values.is_null()) return std::nullopt;
  if (!values.is_object()) throw FormatError(place + ": quantization_config must be an object");
  return StorageConfig(values, place + ": quantization_config");
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

const nlohmann::json* StorageConfig::find(std::initializer_list<const char*> names) const {
  for (const char* name : names)
    if (const auto found = values_.find(name); found != values_.end() && !found->is_null()) return &*found;
  return nullptr;
}

std::optional<std::int64_t> StorageConfig::integer(std::initializer_list<const char*> names) const {
  const nlohmann::json* value = find(names);
  if (value == nullptr) return std::nullopt;
  if (!value->is_number_integer() ||
      (value->is_number_unsigned() && value->get<std::uint64_t>() > 1u << 30) ||
      value->get<std::int64_t>() < -1)
    throw FormatError(fmt::format("{}: {} must be an integer from -1 to 2^30, it is {}", place_,
                                  *names.begin(), shown(value->dump())));
  return value->get<std::int64_t>();
}

std::optional<bool> StorageConfig::boolean(std::initializer_list<const char*> names) const {
  const nlohmann::json* value = find(names);
  if (value == nullptr) return std::nullopt;
  if (!value->is_boolean())
    throw FormatError(
        fmt::format("{}: {} must be true or false, it is {}", place_, *names.begin(), shown(value->dump())));
  return value->get<bool>();
}

std::optional<std::string> StorageConfig::text(std::initializer_list<const char*> names) const {
  const nlohmann::json* value = find(names);
  if (value == nullptr) return std::nullopt;
  if (!value->is_string())
    throw FormatError(
        fmt::format("{}: {} must be a text, it is {}", place_, *names.begin(), shown(value->dump())));
  auto text = value->get<std::string>();
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

bool StorageConfig::has(const char* name) const { return find({name}) != nullptr; }

StorageConfig take_storage_config(ModelHeader& header, std::initializer_list<const char*> own_files) {
  std::optional<StorageConfig> found;
  for (SideFile& file : header.side_files)
    if (file.name == kConfig) found = take_key(file);
  for (const char* name : own_files) {
    const auto own = std::find_if(header.side_files.begin(), header.side_files.end(),
                                  [&](const SideFile& file) { return file.name == name; });
    if (own == header.side_files.end()) continue;
    const std::string place = place_of(*own);
    const nlohmann::json values = parse_strict_json(text_of(*own), place);
    if (!values.is_object()) throw FormatError(place + ": must be an object");
    if (!found) found.emplace(values, place);
    header.side_files.erase(own);
  }
  return found.value_or(StorageConfig());
}

void refuse_turned_matrices(const std::vector<SideFile>& files, std::string_view format) {
  for (const SideFile& file : files) {
    if (file.name != kConfig) continue;
    const nlohmann::json config = parse_strict_json(text_of(file), place_of(file));
    const auto type = config.is_object() ? config.find("model_type") : config.end();
    if (type == config.end() || !type->is_string()) continue;
    for (const char* turned : {"gpt2", "openai-gpt", "imagegpt", "decision_transformer"})
      if (*type == turned)
        throw ConfigError(fmt::format(
            "'{}' models store matrices as [in, out], which format '{}' cannot write in the order of its "
            "loaders; choose gguf or safetensors",
            turned, format));
  }
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
