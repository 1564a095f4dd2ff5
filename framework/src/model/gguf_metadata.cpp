#include "model/gguf_metadata.hpp"

#include "model/general_metadata.hpp"
#include "model/tokenizer_metadata.hpp"

#include <polyquant/base/error.hpp>

#include <cmath>
#include <limits>

namespace pq {
namespace {

// Where a value comes from, for messages: "rope_theta", which became "llama.rope.freq_base".
struct Place {
  const MetadataRule& rule;
  const Scope& scope;

  [[noreturn]] void wrong(const std::string& type, const Json& value, const Scope::Test& good) const {
    rule.from.wrong(scope, good,
                    "must become the " + type + " '" + rule.key + "', which " + display(value) + " is not");
  }
};

template <class T>
bool fits(const Json& value) {
  return value.is_number() && value.number() == std::floor(value.number()) &&
         value.number() >= static_cast<double>(std::numeric_limits<T>::min()) &&
         value.number() <= static_cast<double>(std::numeric_limits<T>::max());
}

bool is_real(const Json& value) {
  return value.is_number() && std::isfinite(static_cast<float>(value.number()));
}

template <class T>
T integer(const Place& place, const std::string& type, const Json& value) {
  if (!fits<T>(value)) place.wrong(type, value, fits<T>);
  return static_cast<T>(value.number());
}

template <class T, class Convert>
std::vector<T> list(const Json& value, Convert convert) {
  std::vector<T> items;
  for (const Json& item : value.array()) items.push_back(convert(item));
  return items;
}

float real(const Place& place, const Json& value) {
  if (!is_real(value)) place.wrong("f32", value, is_real);
  return static_cast<float>(value.number());
}

MetaValue array_value(const Place& place, const Json& value) {
  const auto flag = [](const Json& x) { return static_cast<std::uint8_t>(is_true(x) ? 1 : 0); };
  const std::string& type = place.rule.type;
  if (type == "bool") return BoolArray{list<std::uint8_t>(value, flag)};
  if (type == "string") return list<std::string>(value, [](const Json& x) { return display(x); });
  if (type == "f32") return list<float>(value, [&](const Json& x) { return real(place, x); });
  // gguf-py stores every list of integers as i32.
  return list<std::int32_t>(value, [&](const Json& x) { return integer<std::int32_t>(place, "i32", x); });
}

MetaValue meta_value(const MetadataRule& rule, const Json& value, const Scope& scope) {
  const Place place{rule, scope};
  if (value.is_array()) return array_value(place, value);
  if (rule.type == "u32") return integer<std::uint32_t>(place, "u32", value);
  if (rule.type == "i32") return integer<std::int32_t>(place, "i32", value);
  if (rule.type == "f32") return real(place, value);
  if (rule.type == "bool") return is_true(value);
  return display(value);
}

}  // namespace

void apply_metadata_rule(const MetadataRule& rule, const std::string& architecture, const Scope& scope,
                         Metadata& metadata) {
  if (!rule.when.test(scope, true)) return;
  const Json value = rule.from.evaluate(scope);
  if (!value.is_null())
    metadata.set(rule.key.starts_with('.') ? architecture + rule.key : rule.key,
                 meta_value(rule, value, scope));
  else if (rule.required)
    scope.missing(rule.from.first_name());
}

void apply_metadata_rules(const std::vector<MetadataRule>& rules, const std::string& architecture,
                          const Scope& scope, Metadata& metadata) {
  for (const MetadataRule& rule : rules) apply_metadata_rule(rule, architecture, scope, metadata);
}

void add_gguf_metadata(ModelView& view, const Family& family, ConfigScope& scope, const ModelFiles& files,
                       const Json& config, const ViewOptions& options) {
  view.metadata.set("general.architecture", family.gguf_architecture);
  for (const bool before_general : {true, false}) {
    if (!before_general) add_general_metadata(view, files, config, options);
    for (const MetadataRule& rule : family.metadata)
      if (rule.before_general == before_general)
        apply_metadata_rule(rule, family.gguf_architecture, scope, view.metadata);
  }
  view.metadata.set("general.quantization_version", std::uint32_t{2});
  add_tokenizer_metadata(view, family, scope, files, config, options);
}

}  // namespace pq
