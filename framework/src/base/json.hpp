// A JSON value of our own, in file order: config.json, tokenizer_config.json, what expressions compute with.
#pragma once

#include <polyquant/base/export.hpp>

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace pq {

/// Plain data; callable from any thread while nobody writes.
class Json {
 public:
  using Array = std::vector<Json>;
  using Object = std::vector<std::pair<std::string, Json>>;  // in file order
  using Data = std::variant<std::monostate, bool, std::int64_t, double, std::string, Array, Object>;

  Json() = default;
  Json(bool value) : data_(value) {}
  Json(int value) : data_(std::int64_t{value}) {}
  Json(std::int64_t value) : data_(value) {}
  Json(double value) : data_(value) {}
  Json(const char* value) : data_(std::string(value)) {}
  Json(std::string value) : data_(std::move(value)) {}
  Json(Array value) : data_(std::move(value)) {}
  Json(Object value) : data_(std::move(value)) {}

  const Data& data() const noexcept { return data_; }
  bool is_null() const noexcept { return std::holds_alternative<std::monostate>(data_); }
  bool is_bool() const noexcept { return std::holds_alternative<bool>(data_); }
  bool is_integer() const noexcept { return std::holds_alternative<std::int64_t>(data_); }
  bool is_number() const noexcept { return is_integer() || std::holds_alternative<double>(data_); }
  bool is_string() const noexcept { return std::holds_alternative<std::string>(data_); }
  bool is_array() const noexcept { return std::holds_alternative<Array>(data_); }
  bool is_object() const noexcept { return std::holds_alternative<Object>(data_); }

  /// The caller has checked the kind.
  bool boolean() const { return std::get<bool>(data_); }
  std::int64_t integer() const { return std::get<std::int64_t>(data_); }
  double number() const { return is_integer() ? static_cast<double>(integer()) : std::get<double>(data_); }
  const std::string& string() const { return std::get<std::string>(data_); }
  const Array& array() const { return std::get<Array>(data_); }
  Array& array() { return std::get<Array>(data_); }
  const Object& object() const { return std::get<Object>(data_); }
  Object& object() { return std::get<Object>(data_); }

  /// Member of an object; nullptr if absent or if this is no object.
  const Json* find(std::string_view key) const noexcept;
  /// Member along a path with dots ("rope_scaling.factor"); a key that itself has dots is found first. nullptr if absent.
  const Json* find_path(std::string_view path) const noexcept;
  /// Object: appends or replaces. A null becomes an object.
  void set(std::string key, Json value);
  /// null, bool, number, string, array, object.
  std::string_view kind_name() const noexcept;

  bool operator==(const Json&) const = default;

 private:
  Data data_;
};

/// An object of these members.
PQ_API Json json_object(std::initializer_list<std::pair<const char*, Json>> members);

/// Parses JSON. Throws FormatError "SOURCE: ..." with the position; duplicate keys: the last one wins, as in Python.
PQ_API Json parse_json(std::string_view text, const std::string& source);

/// JSON text, `indent` blanks per level, without a final line end; floats in their shortest form that reads back equal.
PQ_API std::string to_json(const Json& value, int indent = 2);

}  // namespace pq
