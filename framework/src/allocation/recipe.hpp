// Recipes: which tensor gets which encoding, as YAML data.
//
//   summary: 4 bits, symmetric, 32 weights share a scale
//   file_type: 2                      # general.file_type of GGUF outputs
//   rules:                            # from top to bottom; the first whose conditions all hold decides
//     - include: unquantized          # the rules of parts/unquantized.yaml
//     - {category: attention_v, more_bits: true, use: q8_0}
//     - {category: output, use: q6_k}
//   otherwise: q4_0                   # for all other tensors
//   substitutes: {q6_k: q8_0}         # where the block of the last one does not divide the columns
//
// `use` and `otherwise` take an encoding or a list that is tried in order: the first whose block divides the columns. The word `stored`
// stands for the encoding that the source has. `substitutes: {include: PART}` takes the map of a part.
#pragma once

#include "allocation/recipe_facts.hpp"

#include <polyquant/base/node.hpp>

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace pq {

/// What a rule decides about.
struct RecipeSubject {
  const RecipeFacts& facts;
  const ViewTensor& tensor;
  const TensorPlace& place;
};
using RecipeCondition = std::function<bool(const RecipeSubject&)>;

struct RecipeRule {
  std::vector<RecipeCondition> conditions;  // all must hold
  std::vector<Node> encodings;              // scalars, tried in order
  std::string text;                         // the conditions as written: "category: output, experts: 8"
};

struct Recipe {
  std::string id;
  std::string summary;
  int file_type = -1;  // general.file_type; -1 = that of the encoding which most weights get
  bool is_built_in = false;
  bool needs_importance = false;  // poor without importance, beyond what the encodings say themselves
  std::vector<RecipeRule> rules;
  std::vector<Node> encodings;                           // for all other tensors, tried in order
  std::map<std::string, std::vector<Node>> substitutes;  // tried after the last choice
};

/// Reads one recipe; throws ConfigError at the place.
PQ_API Recipe parse_recipe(const Node& root, const std::string& id);
/// The recipe of the data folder; throws ConfigError at `where` with the nearest known id.
PQ_API Recipe load_recipe(const std::string& id, const Mark& where);
/// The recipe `id` of `own` (the pipeline's `recipes:` map, or null), else that of the data folder.
PQ_API Recipe find_recipe(const Node& own, const std::string& id, const Mark& where);
/// Ids of the data folder's recipes, sorted.
PQ_API std::vector<std::string> known_recipes();
/// What `include` can name.
PQ_API std::vector<std::string> known_recipe_parts();

/// The candidates for tensor `index` of the view that `facts` describe, in order; specs of encodings with their places in the recipe. Never
/// empty.
PQ_API std::vector<Node> encodings_for(const Recipe& recipe, const RecipeFacts& facts, const ModelView& view,
                                       std::size_t index);

}  // namespace pq
