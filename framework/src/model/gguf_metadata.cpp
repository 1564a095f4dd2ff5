#include "model/gguf_metadata.hpp"

#include "model/general_metadata.hpp"
#include "model/tokenizer_metadata.hpp"

#include <polyquant/base/error.hpp>

#include <limits>

namespace pq {
namespace {

[[noreturn]] void wrong(const std::string& key, const std::string& type, const Json& value) {
  throw FormatError("config.json: '" + key + "' must become " + type + ", which " + display(value) +
                    " is not");
}

template <class T>
T integer(const std::string& key, const std::string& type, const Json& value) {
  double number = 0;
  if (value.is_number())
    number = value.number();
  else
    wrong(key, type, value);
  if (number != static_cast<double>(static_cast<std::int64_t>(number)) ||
      number < static_cast<double>(std::numeric_limits<T>::min()) ||
      number > static_cast<double>(std::numeric_limits<T>::max()))
    wrong(key, type, value);
  return static_cast<T>(number);
}

template <class T, class Convert>
std::vector<T> list(const Json& value, Convert convert) {
  std::vector<T> items;
  for (const Json& item : value.array()) items.push_back(convert(item));
  return items;
}

float real(const std::string& key, const Json& value) {
  if (!value.is_number()) wrong(key, "f32", value);
  return static_cast<float>(value.number());
}

MetaValue array_value(const MetadataRule& rule, const Json& value) {
  const auto flag = [](const Json& x) { return static_cast<std::uint8_t>(is_true(x) ? 1 : 0); };
  if (rule.type == "bool") return BoolArray{list<std::uint8_t>(value, flag)};
  if (rule.type == "string") return list<std::string>(value, [](const Json& x) { return display(x); });
  if (rule.type == "f32") return list<float>(value, [&](const Json& x) { return real(rule.key, x); });
  // gguf-py stores every list of integers as i32.
  return list<std::int32_t>(value, [&](const Json& x) { return integer<std::int32_t>(rule.key, "i32", x); });
}

MetaValue meta_value(const MetadataRule& rule, const Json& value) {
  if (value.is_array()) return array_value(rule, value);
  if (rule.type == "u32") return integer<std::uint32_t>(rule.key, "u32", value);
  if (rule.type == "i32") return integer<std::int32_t>(rule.key, "i32", value);
  if (rule.type == "f32") return real(rule.key, value);
  if (rule.type == "bool") return is_true(value);
  return display(value);
}

}  // namespace

void apply_metadata_rules(const std::vector<MetadataRule>& rules, const std::string& architecture,
                          const Scope& scope, Metadata& metadata) {
  for (const MetadataRule& rule : rules) {
    if (!rule.when.test(scope, true)) continue;
    const Json value = rule.from.evaluate(scope);
    if (value.is_null()) {
      if (rule.required) scope.missing(rule.from.first_name());
      continue;
    }
    metadata.set(rule.key.starts_with('.') ? architecture + rule.key : rule.key, meta_value(rule, value));
  }
}

void add_gguf_metadata(ModelView& view, const Family& family, ConfigScope& scope, const ModelFiles& files,
                       const Json& config, const ViewOptions& options) {
  view.metadata.set("general.architecture", family.gguf_architecture);
  add_general_metadata(view, files, config, options);
  apply_metadata_rules(family.metadata, family.gguf_architecture, scope, view.metadata);
  view.metadata.set("general.quantization_version", std::uint32_t{2});
  add_tokenizer_metadata(view, family, scope, files, config, options);
}

}  // namespace pq
