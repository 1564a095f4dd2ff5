// JSON to values of the template language.
#pragma once

#include "base/json.hpp"
#include "chat/runtime.hpp"

namespace pq::jinja {

Value from_json(Runtime& runtime, const Json& json);

}  // namespace pq::jinja
