// Variables of one block: looked up from the inside out.
#pragma once

#include "chat/value.hpp"

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

namespace pq::jinja {

/// A macro keeps the scopes around its definition alive, so scopes are shared. They name macros by plain pointers, so there is no circle.
struct Scope {
  explicit Scope(std::shared_ptr<Scope> outer) : parent(std::move(outer)) {}

  /// nullptr if there is none. `scopes` becomes the number of scopes that were looked at.
  const Value* find(std::string_view name, std::size_t& scopes) const noexcept {
    scopes = 0;
    for (const Scope* scope = this; scope != nullptr; scope = scope->parent.get()) {
      ++scopes;
      if (const auto found = scope->values.find(name); found != scope->values.end()) return &found->second;
    }
    return nullptr;
  }

  void set(const std::string& name, Value value) { values.insert_or_assign(name, std::move(value)); }

  std::shared_ptr<Scope> parent;
  std::map<std::string, Value, std::less<>> values;
};
using ScopePtr = std::shared_ptr<Scope>;

}  // namespace pq::jinja
