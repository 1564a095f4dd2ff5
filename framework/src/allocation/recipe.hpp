// Recipes: which tensor gets which encoding, as YAML data.
#pragma once

#include "model/view.hpp"

#include <polyquant/base/node.hpp>

#include <filesystem>
#include <string>
#include <vector>

namespace pq {

/// One rule: all given conditions must hold. The first rule that fits decides.
struct RecipeRule {
  std::vector<std::string> roles;    // any of them; empty = all
  std::string name;                  // regular expression on the view's name; empty = all
  int max_dims = 0;                  // shape has at most this many dimensions; 0 = any
  bool only_f32_tensors = false;     // ViewTensor::keep_f32
  bool only_if_tied = false;         // ModelFacts::tied_output
  std::vector<std::string> encodings;  // tried in order: the first whose block divides the columns
};

struct Recipe {
  std::string id;
  std::string summary;
  int file_type = -1;  // general.file_type; -1 = not written
  std::vector<RecipeRule> rules;
  std::vector<std::string> encodings;  // for all other tensors, tried in order
};

/// Reads one recipe; throws ConfigError at the place.
PQ_API Recipe parse_recipe(const Node& root);
/// Recipes of the data folder by id; throws ConfigError with the nearest known id.
PQ_API Recipe load_recipe(const std::string& id, const Mark& where);
PQ_API std::vector<std::string> known_recipes();

}  // namespace pq
