// Filters that order or compare elements.
#pragma once

#include "chat/builtin.hpp"

namespace pq::jinja {

Value sort(Runtime& runtime, Arguments& arguments);
Value sort_dict(Runtime& runtime, Arguments& arguments);
Value unique(Runtime& runtime, Arguments& arguments);
Value smallest(Runtime& runtime, Arguments& arguments);
Value largest(Runtime& runtime, Arguments& arguments);

/// len(value); throws TemplateError for what has none.
std::size_t size_of(Runtime& runtime, const Value& value);

}  // namespace pq::jinja
