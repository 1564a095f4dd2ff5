// The conditions that rules of recipes know.
#pragma once

#include "allocation/recipe.hpp"

namespace pq {

/// What values a condition takes.
enum class ConditionValue { boolean, categories, dialect, number, numbers, roles, share, words };

struct RecipeConditionKind {
  std::string key;
  ConditionValue value;
  std::string help;  // one sentence that ends with a period
  std::function<RecipeCondition(const Node& value, const std::string& key)>
      make;  // throws ConfigError at the value
};

/// The words of the condition `category`.
PQ_API const std::vector<std::string>& recipe_categories();
/// All kinds, sorted by key. A new kind of condition is one more entry.
PQ_API const std::vector<RecipeConditionKind>& recipe_condition_kinds();

}  // namespace pq
