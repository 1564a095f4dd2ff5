// The arguments of one call, taken one by one in the order of the callee's parameters.
#pragma once

#include "chat/value.hpp"

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace pq::jinja {

class Arguments {
 public:
  Arguments(std::string what, std::vector<Value> positional,
            std::vector<std::pair<std::string, Value>> named = {})
      : what_(std::move(what)), positional_(std::move(positional)), named_(std::move(named)) {}

  /// "the filter 'join'", for messages.
  const std::string& what() const noexcept { return what_; }

  /// The next parameter: by position, else by name, else nothing.
  std::optional<Value> take(std::string_view name);
  /// By name only.
  std::optional<Value> take_named(std::string_view name);
  /// Throws TemplateError if it is absent or of another type. An optional one may also be None, which means absent.
  Value required(std::string_view name);
  std::string text(std::string_view name);
  std::int64_t integer(std::string_view name, std::optional<std::int64_t> fallback);
  std::optional<std::string> optional_text(std::string_view name);
  bool flag(std::string_view name, bool fallback);
  /// What is left, for callees that take any number.
  std::vector<Value> rest();
  std::vector<std::pair<std::string, Value>> rest_named();
  /// Throws TemplateError if an argument was not taken.
  void finish() const;

 private:
  std::string what_;
  std::vector<Value> positional_;
  std::vector<std::pair<std::string, Value>> named_;
  std::size_t next_ = 0;
};

}  // namespace pq::jinja
