// SAX handler that builds a Json; derived handlers take out what is too large to keep as a tree.
#pragma once

#include "base/json.hpp"

#include <nlohmann/json.hpp>

#include <string>
#include <vector>

namespace pq {

/// Builds root() from SAX events. Nesting is limited to 200 levels.
class JsonBuilder : public nlohmann::json_sax<nlohmann::json> {
 public:
  bool null() override { return put(Json()); }
  bool boolean(bool value) override { return put(Json(value)); }
  bool number_integer(number_integer_t value) override { return put(Json(std::int64_t{value})); }
  bool number_unsigned(number_unsigned_t value) override;
  bool number_float(number_float_t value, const string_t&) override { return put(Json(value)); }
  bool string(string_t& value) override { return put(Json(std::move(value))); }
  bool binary(binary_t&) override { return false; }
  bool start_object(std::size_t) override { return open(Json(Json::Object())); }
  bool end_object() override { return close(); }
  bool start_array(std::size_t) override { return open(Json(Json::Array())); }
  bool end_array() override { return close(); }
  bool key(string_t& name) override;
  bool parse_error(std::size_t position, const std::string& token,
                   const nlohmann::detail::exception& error) override;

  Json& root() { return root_; }
  const std::string& error() const { return error_; }
  /// Depth of the value being read: 0 for the document.
  std::size_t depth() const { return open_.size(); }
  const std::string& last_key() const { return key_; }

 protected:
  bool put(Json value);
  bool open(Json value);
  bool close();

 private:
  Json* place(Json value);
  Json root_;
  std::vector<Json*> open_;  // a parent is not changed while a child is open, so the pointers stay valid
  std::string key_;
  std::string error_;
};

/// Feeds `text` to the handler; throws FormatError "SOURCE: ...".
void read_json(std::string_view text, const std::string& source, JsonBuilder& handler);

}  // namespace pq
