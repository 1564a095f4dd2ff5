// The recipes named like llama.cpp's file types choose what llama.cpp chooses (tests/golden/recipes.json).
#include "allocation/recipe_models.hpp"

#include <catch2/catch.hpp>

#include <fmt/format.h>

using pq::test::RecipeModel;
using Names = std::vector<std::string>;

namespace {

std::string chosen(const pq::Recipe& recipe, const pq::RecipeFacts& facts, const RecipeModel& model,
                   std::size_t index) {
  const std::int64_t columns = pq::cols(model.view.tensors[index].shape);
  for (const pq::Node& encoding : encodings_for(recipe, facts, model.view, index))
    if (columns % pq::test::block_cols(encoding.text()) == 0) return encoding.text();
  return "nothing";
}

// f32, f16 and bf16 convert every matrix, as convert_hf_to_gguf.py does; llama-quantize leaves some small ones as they are.
bool is_conversion(const std::string& recipe) {
  return recipe == "f32" || recipe == "f16" || recipe == "bf16";
}

// One line per tensor that differs.
std::string differences(const RecipeModel& model, const std::string& id, bool importance) {
  const pq::Recipe recipe = pq::load_recipe(id, {});
  const pq::RecipeFacts facts = pq::recipe_facts(model.view, importance);
  const nlohmann::json& plain = model.types.at(id);
  const nlohmann::json changed =
      importance ? model.types.value(id + "+importance", nlohmann::json::object()) : nlohmann::json::object();
  std::string lines;
  for (std::size_t s = 0; s < model.stems.size(); ++s) {
    const std::string& stem = model.stems[s];
    if (!plain.contains(stem)) continue;  // vectors
    const Names wanted = pq::test::written_out(changed.value(stem, plain.at(stem).get<std::string>()));
    REQUIRE(wanted.size() == model.layers[s].size());
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      const std::size_t index = model.layers[s][i];
      if (is_conversion(id) && wanted[i] == model.view.tensors[index].stored_encoding) continue;
      const std::string got = chosen(recipe, facts, model, index);
      if (got != wanted[i])
        lines += fmt::format("{}: {} instead of {}\n", model.view.tensors[index].name, got, wanted[i]);
    }
  }
  return lines;
}

}  // namespace

TEST_CASE("recipe: every file type of llama.cpp gives every tensor the type that llama-quantize gives it",
          "[allocation][recipe][golden]") {
  const auto id = GENERATE("f32", "f16", "bf16", "q4_0", "q4_1", "q5_0", "q5_1", "q8_0", "q2_k", "q2_k_s",
                           "q3_k_s", "q3_k_m", "q3_k_l", "q4_k_s", "q4_k_m", "q5_k_s", "q5_k_m", "q6_k",
                           "iq1_s", "iq1_m", "iq2_xxs", "iq2_xs", "iq2_s", "iq2_m", "iq3_xxs", "iq3_xs",
                           "iq3_s", "iq3_m", "iq4_nl", "iq4_xs", "tq1_0", "tq2_0", "mxfp4_moe");
  static const std::vector<RecipeModel> models = pq::test::recipe_models();
  REQUIRE(models.size() >= 25);
  for (const RecipeModel& model : models)
    for (const bool importance : {false, true}) {
      INFO(id << " for " << model.name << (importance ? " with importance" : ""));
      CHECK(differences(model, id, importance) == "");
    }
}
