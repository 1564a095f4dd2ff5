// Recipes: which tensor gets which encoding, as YAML data.
//
//   summary: 4 bits, symmetric, 32 weights share a scale
//   file_type: 2                      # general.file_type of GGUF outputs
//   rules:                            # from top to bottom; the first whose conditions all hold decides
//     - include: unquantized          # the rules of parts/unquantized.yaml
//     - {roles: output, columns_multiple_of: 256, use: q6_k}
//     - {roles: output, use: q8_0}
//   otherwise: q4_0                   # for all other tensors
//
// `use` and `otherwise` take an encoding or a list that is tried in order: the first whose block divides the columns. The word `stored`
// stands for the encoding that the source has.
#pragma once

#include "model/view.hpp"

#include <polyquant/base/node.hpp>

#include <functional>
#include <string>
#include <vector>

namespace pq {

/// What a rule decides about.
struct RecipeSubject {
  const ModelFacts& facts;
  const ViewTensor& tensor;
  Dialect dialect;
};
using RecipeCondition = std::function<bool(const RecipeSubject&)>;

struct RecipeRule {
  std::vector<RecipeCondition> conditions;  // all must hold
  std::vector<std::string> encodings;       // tried in order
};

struct Recipe {
  std::string id;
  std::string summary;
  int file_type = -1;  // general.file_type; -1 = not written
  std::vector<RecipeRule> rules;
  std::vector<std::string> encodings;  // for all other tensors, tried in order
};

/// Reads one recipe; throws ConfigError at the place.
PQ_API Recipe parse_recipe(const Node& root, const std::string& id);
/// The recipe of the data folder; throws ConfigError at `where` with the nearest known id.
PQ_API Recipe load_recipe(const std::string& id, const Mark& where);
/// The recipe `id` of `own` (the pipeline's `recipes:` map, or null), else that of the data folder.
PQ_API Recipe find_recipe(const Node& own, const std::string& id, const Mark& where);
/// Ids of the data folder's recipes, sorted.
PQ_API std::vector<std::string> known_recipes();

/// The candidates for a tensor, in order; specs of encodings. Never empty.
PQ_API std::vector<std::string> encodings_for(const Recipe& recipe, const ModelFacts& facts,
                                              const ViewTensor& tensor, Dialect dialect);

}  // namespace pq
