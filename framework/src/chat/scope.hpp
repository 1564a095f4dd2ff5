// Variables of one block: looked up from the inside out.
#pragma once

#include "chat/value.hpp"

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace pq::jinja {

/// A macro keeps the scopes around its definition alive, so scopes are shared. They name macros by plain pointers, so there is no circle.
struct Scope {
  explicit Scope(std::shared_ptr<Scope> outer) : parent(std::move(outer)) {}

  const Value* find(std::string_view name) const noexcept {
    for (const Scope* scope = this; scope != nullptr; scope = scope->parent.get())
      for (const auto& [key, value] : scope->values)
        if (key == name) return &value;
    return nullptr;
  }

  void set(const std::string& name, Value value) {
    for (auto& [key, old] : values) {
      if (key != name) continue;
      old = std::move(value);
      return;
    }
    values.emplace_back(name, std::move(value));
  }

  std::shared_ptr<Scope> parent;
  std::vector<std::pair<std::string, Value>> values;
};
using ScopePtr = std::shared_ptr<Scope>;

}  // namespace pq::jinja
