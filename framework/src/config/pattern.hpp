// Regular expressions on tensor names, as rules and recipes use them.
#pragma once

#include <polyquant/base/export.hpp>

#include <memory>
#include <string>
#include <string_view>

namespace pq {

/// An ECMAScript expression that is searched for anywhere in a name; anchor it with ^ and $. Immutable, callable from any thread.
class PQ_API Pattern {
 public:
  /// Throws ConfigError "'EXPRESSION' is not a regular expression: REASON".
  explicit Pattern(const std::string& expression);
  /// Throws ConfigError if that takes more than a bounded number of steps: repeats of repeats may try all ways to divide a name.
  bool matches(std::string_view name) const;

 private:
  struct Compiled;
  std::shared_ptr<const Compiled> compiled_;
};

}  // namespace pq
