#include "model/scope.hpp"

#include "model/rope_factors.hpp"
#include "model/tensor_links.hpp"

#include <polyquant/base/error.hpp>

#include <algorithm>
#include <limits>

namespace pq {
namespace {

template <class T>
Json number(T value) {
  if constexpr (std::is_same_v<T, bool>)
    return Json(value);
  else if constexpr (std::is_same_v<T, float>)
    return Json(shortest_double(value));  // what the source framework had written
  else if constexpr (std::is_same_v<T, double>)
    return Json(value);
  else if constexpr (std::is_same_v<T, std::uint64_t>)
    return value <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())
               ? Json(static_cast<std::int64_t>(value))
               : Json(static_cast<double>(value));
  else
    return Json(static_cast<std::int64_t>(value));
}

}  // namespace

FamilyScope::FamilyScope(const std::map<std::string, Expression>* let, std::string source)
    : let_(let), source_(std::move(source)) {}

bool FamilyScope::is_active(const std::string& name) const {
  return std::find(active_.begin(), active_.end(), name) != active_.end();
}

Json FamilyScope::lookup(const std::string& name) const {
  if (const auto variable = variables_.find(name); variable != variables_.end()) return variable->second;
  if (let_ == nullptr) return stored(name);
  // "rope.factor" is a member of the let `rope` if there is no let of the whole name.
  const std::string head = name.substr(0, name.find('.'));
  for (const std::string& candidate : {name, head}) {
    const auto let = let_->find(candidate);
    if (let == let_->end() || is_active(candidate)) continue;
    active_.push_back(candidate);
    Json value;
    try {
      value = let->second.evaluate(*this);
    } catch (...) {
      active_.pop_back();
      throw;
    }
    active_.pop_back();
    if (candidate == name) return value;
    const Json* member = value.find_path(std::string_view(name).substr(head.size() + 1));
    return member == nullptr ? Json() : *member;
  }
  return stored(name);
}

Json FamilyScope::call(const std::string& function, const std::vector<Json>& arguments) const {
  if (const auto found = functions_.find(function); found != functions_.end())
    return found->second(arguments);
  if (function == "has_tensor") return has_tensor(arguments);
  // The key of the file where a `let` of the same name says more.
  if (function == "key" && arguments.size() == 1 && arguments[0].is_string())
    return stored(arguments[0].string());
  // The key that gives a `let` its value, for messages.
  if (function == "key_of" && arguments.size() == 1 && arguments[0].is_string())
    return Json(origin(arguments[0].string(), [](const Json&) { return true; }));
  Json result;
  try {
    if (call_rope_function(function, arguments, result)) return result;
  } catch (const FormatError& error) {
    throw FormatError(source_ + ": " + error.what());
  }
  throw ConfigError("the family's expressions use '" + function + "()', which does not exist here");
}

Json FamilyScope::has_tensor(const std::vector<Json>& arguments) const {
  if (arguments.empty() || !arguments[0].is_string()) throw ConfigError("has_tensor() needs a name");
  const bool counted = arguments.size() > 1 && arguments[1].is_integer();
  const std::string name =
      counted ? with_index(arguments[0].string(), 'N', arguments[1].integer()) : arguments[0].string();
  return Json(has_tensor_ != nullptr && has_tensor_(name));
}

void FamilyScope::missing(const std::string& name) const {
  std::string key = name;
  for (int depth = 0; let_ != nullptr && depth < 16; ++depth) {
    const auto let = let_->find(key);
    const std::string next = let == let_->end() ? std::string() : let->second.first_name();
    if (next.empty() || next == key) break;
    key = next;
  }
  throw FormatError(source_ + ": key '" + named(key) + "' is missing");
}

std::string FamilyScope::origin(const std::string& name, const Test& good) const {
  const std::string head = name.substr(0, name.find('.'));
  const auto let = let_ == nullptr ? std::map<std::string, Expression>::const_iterator() : let_->find(head);
  if (let_ == nullptr || let == let_->end() || is_active(head)) return named(name);
  active_.push_back(head);  // inside its definition the name means the key
  std::string found;
  for (const bool any : {false, true})
    for (const std::string& inner : let->second.names())
      if (const Json value = lookup(inner); found.empty() && !value.is_null() && (any || !good(value)))
        found = origin(inner, good);
  active_.pop_back();
  if (found.empty()) return named(name);
  return found + name.substr(head.size());
}

ConfigScope::ConfigScope(const std::map<std::string, Expression>* let, const Json& config,
                         const Json& defaults, std::string source)
    : FamilyScope(let, std::move(source)), config_(config), defaults_(defaults) {}

Json ConfigScope::stored(const std::string& key) const {
  if (const Json* value = config_.find_path(key))
    return *value;  // an explicit null is no reason for a default
  const Json* value = defaults_.find_path(key);
  if (value == nullptr) return Json();
  if (std::find(defaults_used_.begin(), defaults_used_.end(), key) == defaults_used_.end())
    defaults_used_.push_back(key);
  return *value;
}

void FamilyScope::collect_keys(const Expression& expression, std::vector<std::string>& keys) const {
  for (const std::string& name : expression.names()) {
    const std::string head = name.substr(0, name.find('.'));
    const auto let = let_ == nullptr ? std::map<std::string, Expression>::const_iterator() : let_->find(head);
    if (let_ != nullptr && let != let_->end() && !is_active(head)) {
      active_.push_back(head);
      collect_keys(let->second, keys);
      active_.pop_back();
    } else if (const Json value = lookup(name); !value.is_null() && !variables_.contains(name)) {
      const std::string text = named(name) + " " + display(value);
      if (std::find(keys.begin(), keys.end(), text) == keys.end()) keys.push_back(text);
    }
  }
}

std::string FamilyScope::keys_of(const std::vector<Expression>& expressions) const {
  std::vector<std::string> keys;
  for (const Expression& expression : expressions) collect_keys(expression, keys);
  std::string text;
  for (const std::string& key : keys) text += (text.empty() ? "" : ", ") + key;
  return text;
}

void ConfigScope::check_kinds(const Json& values, const Json& defaults, const std::string& prefix) const {
  if (!defaults.is_object()) return;
  for (const auto& [key, usual] : defaults.object()) {
    const Json* value = values.find(key);
    if (value == nullptr || value->is_null() || usual.is_null()) continue;
    const bool same = usual.is_number() ? value->is_number() : usual.kind_name() == value->kind_name();
    if (!same)
      wrong(named(prefix + key), "must be " + std::string(usual.kind_name()) + ", not " +
                                     std::string(value->kind_name()) + " (" + display(*value) + ")");
    if (usual.is_object()) check_kinds(*value, usual, prefix + key + ".");
  }
}

MetadataScope::MetadataScope(const Metadata& metadata, std::string architecture, std::string source)
    : FamilyScope(nullptr, std::move(source)), metadata_(metadata), architecture_(std::move(architecture)) {}

Json MetadataScope::stored(const std::string& key) const {
  if (const MetaValue* value = metadata_.find(architecture_ + "." + key)) return to_json_value(*value);
  if (const MetaValue* value = metadata_.find(key)) return to_json_value(*value);
  return Json();
}

Json to_json_value(const MetaValue& value, std::size_t limit) {
  return std::visit(
      [limit](const auto& x) -> Json {
        using T = std::decay_t<decltype(x)>;
        if constexpr (std::is_same_v<T, std::string>) {
          return Json(x);
        } else if constexpr (std::is_same_v<T, BoolArray>) {
          Json::Array items;
          for (std::size_t i = 0; i < std::min(limit, x.values.size()); ++i)
            items.emplace_back(x.values[i] != 0);
          return Json(std::move(items));
        } else if constexpr (std::is_arithmetic_v<T>) {
          return number(x);
        } else {
          Json::Array items;
          for (std::size_t i = 0; i < std::min(limit, x.size()); ++i) {
            if constexpr (std::is_same_v<typename T::value_type, std::string>)
              items.emplace_back(x[i]);
            else
              items.push_back(number(x[i]));
          }
          return Json(std::move(items));
        }
      },
      value);
}

}  // namespace pq
