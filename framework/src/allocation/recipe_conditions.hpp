// The conditions that rules of recipes know.
#pragma once

#include "allocation/recipe.hpp"

namespace pq {

struct RecipeConditionKind {
  std::string key;
  std::string help;  // one sentence that ends with a period
  std::function<RecipeCondition(const Node& value, const std::string& key)>
      make;  // throws ConfigError at the value
};

/// All kinds, sorted by key. A new kind of condition is one more entry.
PQ_API const std::vector<RecipeConditionKind>& recipe_condition_kinds();

}  // namespace pq
