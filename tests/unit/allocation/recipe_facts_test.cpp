// What recipes know about a model and the place of a tensor in it.
#include "allocation/recipe.hpp"

#include "config/yaml.hpp"

#include <catch2/catch.hpp>

using pq::Dialect;

namespace {

pq::ViewTensor tensor(std::string name, std::string role, pq::Shape shape) {
  pq::ViewTensor t;
  t.name = std::move(name);
  t.role = std::move(role);
  t.shape = std::move(shape);
  t.stored_encoding = "bf16";
  return t;
}

pq::Recipe parse(const std::string& yaml) { return pq::parse_recipe(pq::parse_yaml(yaml, "r.yaml"), "mine"); }

}  // namespace

TEST_CASE("recipe: the place of a tensor counts within its category, in layer order",
          "[allocation][recipe]") {
  const pq::Recipe recipe = parse(
      "rules:\n  - {category: attention_v, place_below: 1/4, use: q8_0}\n"
      "  - {category: attention_v, place_from: 3, use: q6_k}\n  - {category: ffn_down, more_bits: true, use: "
      "q5_0}\n"
      "otherwise: q4_0\n");
  pq::ModelView view;
  view.dialect = Dialect::gguf;
  view.metadata.set("general.architecture", std::string("llama"));
  view.metadata.set("llama.block_count", std::uint32_t{8});
  for (const int layer : {3, 0, 2, 1, 10}) {  // as files have them: in any order
    view.tensors.push_back(tensor("blk." + std::to_string(layer) + ".attn_v.weight", "attention_v", {4, 4}));
    view.tensors.push_back(tensor("blk." + std::to_string(layer) + ".ffn_down.weight", "ffn_down", {4, 4}));
  }
  const pq::RecipeFacts facts = recipe_facts(view, false);
  const auto of = [&](std::size_t i) { return encodings_for(recipe, facts, view, i).front().text(); };
  CHECK(of(2) == "q8_0");  // the first of five: 5 / 4 = 1 place
  CHECK(of(6) == "q4_0");
  CHECK(of(4) == "q4_0");
  CHECK(of(0) == "q6_k");  // the fourth
  CHECK(of(8) == "q6_k");  // layer 10, the fifth
  // Eight blocks: place 0 is the first eighth, then every third.
  CHECK(of(3) == "q5_0");
  CHECK(of(7) == "q4_0");
  CHECK(of(5) == "q4_0");
  CHECK(of(1) == "q5_0");
  CHECK(of(9) == "q4_0");
}

TEST_CASE("recipe: in models with experts feed-forward tensors have the place of their layer",
          "[allocation][recipe]") {
  pq::ModelView view;
  view.dialect = Dialect::gguf;
  view.metadata.set("general.architecture", std::string("deepseek2"));
  view.metadata.set("deepseek2.block_count", std::uint32_t{4});
  view.metadata.set("deepseek2.expert_count", std::uint32_t{64});
  for (const char* name :
       {"blk.0.ffn_down.weight", "blk.1.ffn_down_exps.weight", "blk.1.ffn_down_shexp.weight",
        "blk.1.ffn_down_exps.bias", "blk.2.ffn_gate_inp.weight"})
    view.tensors.push_back(tensor(name, "", {4, 4}));
  const pq::RecipeFacts facts = recipe_facts(view, false);
  CHECK(facts.places[0].place == 0);
  CHECK(facts.places[1].place == 1);
  CHECK(facts.places[2].place == 1);
  CHECK(facts.places[2].count == 2);
  CHECK(facts.places[3].category.empty());  // biases and routers are not weights of the network
  CHECK(facts.places[4].category.empty());
}

TEST_CASE("recipe: head counts that differ by layer count as those of the first", "[allocation][recipe]") {
  pq::ModelView view;
  view.dialect = Dialect::gguf;
  view.metadata.set("general.architecture", std::string("openelm"));
  view.metadata.set("openelm.attention.head_count", std::vector<std::uint32_t>{12, 16});
  view.metadata.set("openelm.attention.head_count_kv", std::vector<std::uint32_t>{3, 5});
  CHECK(recipe_facts(view, false).group_heads() == 4);
  view.metadata.set("openelm.attention.head_count_kv", std::vector<std::uint32_t>{0, 5});
  CHECK(recipe_facts(view, false).group_heads() == 0);  // a first layer without attention
  view.metadata.erase("openelm.attention.head_count_kv");
  CHECK(recipe_facts(view, false).group_heads() == 1);
}

TEST_CASE("recipe: numbers of a damaged header do no harm", "[allocation][recipe]") {
  const pq::Recipe recipe = parse(
      "rules: [{category: ffn_down, place_below: 999999/7, use: q8_0}, {category: ffn_down, more_bits: true, "
      "use: q5_0}]\n"
      "otherwise: q4_0\n");
  pq::ModelView view;
  view.dialect = Dialect::gguf;
  view.metadata.set("general.architecture", std::string("llama"));
  view.metadata.set("llama.block_count",
                    GENERATE(std::uint64_t{1} << 63, (std::uint64_t{1} << 63) - 1, std::uint64_t{0}));
  view.metadata.set("llama.attention.head_count", std::int32_t{-5});
  view.tensors = {tensor("blk.0.ffn_down.weight", "ffn_down", {4, 4})};
  const pq::RecipeFacts facts = recipe_facts(view, false);
  CHECK(facts.group_heads() == 0);
  CHECK(facts.layers <= 1'000'000);
  CHECK_FALSE(encodings_for(recipe, facts, view, 0).empty());
}

TEST_CASE("recipe: in Hugging Face folders the category comes from the role", "[allocation][recipe]") {
  pq::ModelView view;
  view.dialect = Dialect::huggingface;
  view.facts.family = "llama";
  view.facts.attention_heads = 32;
  view.facts.key_value_heads = 8;
  view.tensors = {tensor("model.embed_tokens.weight", "embedding", {4, 4}),
                  tensor("model.layers.0.self_attn.qkv_proj.weight", "attention_qkv", {4, 4}),
                  tensor("model.layers.0.mlp.gate.weight", "router", {4, 4}),
                  tensor("model.layers.0.self_attn.q_proj.bias", "attention_q", {4})};
  const pq::RecipeFacts facts = recipe_facts(view, true);
  CHECK(facts.tied_output);
  CHECK(facts.group_heads() == 4);
  CHECK(facts.architecture == "llama");
  CHECK(facts.has_importance);
  CHECK(facts.places[0].category == "output");  // the embedding makes the logits too
  CHECK(facts.places[1].category == "attention_v");
  CHECK(facts.places[2].category.empty());
  CHECK(facts.places[3].category.empty());
}
