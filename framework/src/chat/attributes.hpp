// object.name, object[key] and slices, in the order in which jinja2's sandbox looks things up.
#pragma once

#include "chat/builtin.hpp"

#include <optional>
#include <string>
#include <vector>

namespace pq::jinja {

/// A method or attribute first, then an item.
Value attribute_of(Runtime& runtime, const Value& object, const std::string& name);
/// The method that attribute_of() would return, or nullptr: calls need no object for it.
const Builtin* method_of(const Value& object, std::string_view name);
/// An item first, then a method or attribute.
Value item_of(Runtime& runtime, const Value& object, const Value& key);
/// Parts that are absent are None.
Value slice_of(Runtime& runtime, const Value& object, const Value& start, const Value& stop,
               const Value& step);

/// The path "a.b.0" of filters with an attribute: items, then attributes.
struct AttributePath {
  std::vector<Value> parts;
  std::optional<Value> fallback;  // for what is undefined

  /// From a string or an integer; anything else is an error of `what`.
  static AttributePath parse(const Value& path, const std::string& what);
  Value of(Runtime& runtime, Value object) const;
};

}  // namespace pq::jinja
