// Operators on values: Python's.
#pragma once

#include "chat/runtime.hpp"

#include <string_view>

namespace pq::jinja {

/// + - * / // % **. Throws TemplateError for types without the operator, and for integers beyond 64 bits.
Value binary(Runtime& runtime, std::string_view op, const Value& a, const Value& b);
/// + and -.
Value unary(std::string_view op, const Value& a);
/// == != < <= > >= in, not in.
bool compare(Runtime& runtime, std::string_view op, const Value& a, const Value& b);
/// b in a.
bool contains(Runtime& runtime, const Value& container, const Value& value);
/// text % values, also the filter "format".
Value format_percent(Runtime& runtime, const std::string& text, const Value& values);

}  // namespace pq::jinja
