#include "plan/own_recipes.hpp"

#include "allocation/recipe.hpp"
#include "config/place.hpp"
#include "plan/encoding_obstacles.hpp"

#include <polyquant/base/error.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace pq {

void check_recipes(const Pipeline& pipeline, const PluginRegistry& registry,
                   std::vector<std::string>& warnings) {
  for (const Node::Member& own : pipeline.recipes.members()) {
    const Recipe recipe = parse_recipe(own.value, own.key);
    // Included parts name encodings of all plugins, which need not be there.
    const auto check = [&](const std::vector<Node>& specs) {
      for (const Node& spec : specs) {
        if (spec.mark().source != own.mark.source || spec.text() == "stored") continue;
        refuse_recipe_as_encoding(spec, registry);
        registry.encoding(spec);
      }
    };
    for (const RecipeRule& rule : recipe.rules) check(rule.encodings);
    check(recipe.encodings);
    for (const auto& [replaced, substitutes] : recipe.substitutes) check(substitutes);
    const bool is_used = std::any_of(pipeline.outputs.begin(), pipeline.outputs.end(),
                                     [&](const OutputSpec& output) { return output.recipe == own.key; });
    if (!is_used)
      warnings.push_back(fmt::format("{}recipe '{}' is used by no output", place_prefix(own.mark), own.key));
  }
}

}  // namespace pq
