// The models of tests/golden/recipes.json: headers of real models, and what llama.cpp chooses for their tensors.
#pragma once

#include "allocation/recipe.hpp"

#include <nlohmann/json.hpp>

#include <string>
#include <vector>

namespace pq::test {

struct RecipeModel {
  std::string name;
  ModelView view;                                // GGUF dialect, without a reader
  nlohmann::json types;                          // file type -> stem -> types in runs
  std::vector<std::vector<std::size_t>> layers;  // tensors of each stem, in layer order
  std::vector<std::string> stems;                // parallel to `layers`
};

std::vector<RecipeModel> recipe_models();

/// "q6_k*2 q4_k" -> q6_k, q6_k, q4_k
std::vector<std::string> written_out(const std::string& runs);

/// Columns that one block of an encoding holds.
std::int64_t block_cols(const std::string& encoding);

}  // namespace pq::test
