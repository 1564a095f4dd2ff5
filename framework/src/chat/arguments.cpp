#include "chat/arguments.hpp"

#include "chat/template_error.hpp"

#include <algorithm>

namespace pq::jinja {
namespace {

[[noreturn]] void wrong_type(const std::string& what, std::string_view name, std::string_view wanted,
                             const Value& value) {
  throw TemplateError(what + ": '" + std::string(name) + "' must be " + std::string(wanted) +
                      ", got a value of type " + std::string(type_name(value)));
}

}  // namespace

std::optional<Value> Arguments::take(std::string_view name) {
  const auto found =
      std::find_if(named_.begin(), named_.end(), [&](const auto& item) { return item.first == name; });
  if (next_ < positional_.size()) {
    if (found != named_.end()) throw TemplateError(what_ + " got '" + std::string(name) + "' twice");
    return std::move(positional_[next_++]);
  }
  return take_named(name);
}

std::optional<Value> Arguments::take_named(std::string_view name) {
  const auto found =
      std::find_if(named_.begin(), named_.end(), [&](const auto& item) { return item.first == name; });
  if (found == named_.end()) return std::nullopt;
  Value result = std::move(found->second);
  named_.erase(found);
  return result;
}

Value Arguments::required(std::string_view name) {
  if (auto value = take(name)) return *std::move(value);
  throw TemplateError(what_ + " needs '" + std::string(name) + "'");
}

std::string Arguments::text(std::string_view name) {
  const Value value = required(name);
  if (!value.is_text()) wrong_type(what_, name, "a string", value);
  return value.text();
}

std::int64_t Arguments::integer(std::string_view name, std::optional<std::int64_t> fallback) {
  const auto value = take(name);
  if ((!value || value->is_none()) && fallback) return *fallback;
  if (!value) throw TemplateError(what_ + " needs '" + std::string(name) + "'");
  if (!value->is_integer()) wrong_type(what_, name, "an integer", *value);
  return value->integer();
}

std::optional<std::string> Arguments::optional_text(std::string_view name) {
  const auto value = take(name);
  if (!value || value->is_none()) return std::nullopt;
  if (!value->is_text()) wrong_type(what_, name, "a string", *value);
  return value->text();
}

bool Arguments::flag(std::string_view name, bool fallback) {
  const auto value = take(name);
  return value ? is_true(*value) : fallback;
}

std::vector<Value> Arguments::rest() {
  std::vector<Value> result(positional_.begin() + static_cast<std::ptrdiff_t>(next_), positional_.end());
  next_ = positional_.size();
  return result;
}

std::vector<std::pair<std::string, Value>> Arguments::rest_named() { return std::exchange(named_, {}); }

void Arguments::finish() const {
  if (next_ < positional_.size())
    throw TemplateError(what_ + " takes fewer arguments; " + std::to_string(positional_.size() - next_) +
                        " too many were given");
  if (!named_.empty()) throw TemplateError(what_ + " has no argument '" + named_.front().first + "'");
}

}  // namespace pq::jinja
