#include "allocation/recipe.hpp"

#include "allocation/recipe_conditions.hpp"
#include "allocation/recipe_schema.hpp"
#include "config/message_of.hpp"
#include "config/yaml.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

using pq::Dialect;
using Names = std::vector<std::string>;

namespace {

pq::ViewTensor tensor(std::string name, std::string role, pq::Shape shape) {
  pq::ViewTensor t;
  t.name = std::move(name);
  t.role = std::move(role);
  t.shape = std::move(shape);
  t.stored_encoding = "bf16";
  return t;
}

Names texts(const std::vector<pq::Node>& nodes) {
  Names names;
  for (const pq::Node& node : nodes) names.push_back(node.text());
  return names;
}

// The choice for `t` in a model that has nothing else, but for an output matrix of its own unless `tied`.
Names chosen(const pq::Recipe& recipe, const pq::ViewTensor& t, bool tied = false,
             Dialect dialect = Dialect::gguf) {
  pq::ModelView view;
  view.dialect = dialect;
  view.tensors = {t};
  if (!tied) view.tensors.push_back(tensor("output.weight", "output", {4, 4}));
  return texts(encodings_for(recipe, recipe_facts(view, false), view, 0));
}
Names chosen(const std::string& recipe, const pq::ViewTensor& t, bool tied = false,
             Dialect dialect = Dialect::gguf) {
  return chosen(pq::load_recipe(recipe, {}), t, tied, dialect);
}
/// The first of the candidates: the others are for columns that do not fit.
std::string first(const Names& names) { return names.front(); }

pq::Recipe parse(const std::string& yaml) { return pq::parse_recipe(pq::parse_yaml(yaml, "r.yaml"), "mine"); }
std::string error_of(const std::string& yaml) {
  return message_of([&] { parse(yaml); });
}

}  // namespace

// Expected types: llama.cpp's llama-quant.cpp as described by "Mixture presets"; the numbers of LLAMA_FTYPE.

TEST_CASE("recipe: the numbers of llama.cpp's file types", "[allocation][recipe]") {
  const auto type = [](const char* id) { return pq::load_recipe(id, {}).file_type; };
  CHECK(type("f32") == 0);
  CHECK(type("f16") == 1);
  CHECK(type("q4_0") == 2);
  CHECK(type("q4_1") == 3);
  CHECK(type("q8_0") == 7);
  CHECK(type("q5_0") == 8);
  CHECK(type("q5_1") == 9);
  CHECK(type("q2_k") == 10);
  CHECK(type("q3_k_s") == 11);
  CHECK(type("q3_k_m") == 12);
  CHECK(type("q3_k_l") == 13);
  CHECK(type("q4_k_s") == 14);
  CHECK(type("q4_k_m") == 15);
  CHECK(type("q5_k_s") == 16);
  CHECK(type("q5_k_m") == 17);
  CHECK(type("q6_k") == 18);
  CHECK(type("iq2_xxs") == 19);
  CHECK(type("iq2_xs") == 20);
  CHECK(type("q2_k_s") == 21);
  CHECK(type("iq3_xs") == 22);
  CHECK(type("iq3_xxs") == 23);
  CHECK(type("iq1_s") == 24);
  CHECK(type("iq4_nl") == 25);
  CHECK(type("iq3_s") == 26);
  CHECK(type("iq3_m") == 27);
  CHECK(type("iq2_s") == 28);
  CHECK(type("iq2_m") == 29);
  CHECK(type("iq4_xs") == 30);
  CHECK(type("iq1_m") == 31);
  CHECK(type("bf16") == 32);
  CHECK(type("tq1_0") == 36);
  CHECK(type("tq2_0") == 37);
  CHECK(type("mxfp4_moe") == 38);
}

TEST_CASE("recipe: weights of the layers get the recipe's own type", "[allocation][recipe]") {
  const auto id = GENERATE("q4_0", "q4_1", "q5_0", "q5_1", "q8_0", "f16", "bf16", "f32");
  CHECK(first(chosen(id, tensor("blk.0.ffn_down.weight", "ffn_down", {576, 1536}))) == id);
}

TEST_CASE("recipe: the output of the types of 4 and 5 bits has 6 bits where its columns allow",
          "[allocation][recipe]") {
  const auto id = GENERATE("q4_0", "q4_1", "q5_0", "q5_1");
  CHECK(chosen(id, tensor("output.weight", "output", {32000, 4096})) == Names{"q6_k", "q8_0", "f16"});
  CHECK(chosen(id, tensor("output.weight", "output", {32000, 576})) == Names{"q8_0", "f16"});
  CHECK(first(chosen(id, tensor("token_embd.weight", "embedding", {32000, 4096}))) == id);
}

TEST_CASE("recipe: embeddings that are the output too are treated as such", "[allocation][recipe]") {
  const auto id = GENERATE("q4_0", "q4_1", "q5_0", "q5_1");
  CHECK(chosen(id, tensor("token_embd.weight", "embedding", {49152, 768}), true) ==
        Names{"q6_k", "q8_0", "f16"});
}

TEST_CASE("recipe: q8_0 and the floating-point types hold output and embeddings in their own type",
          "[allocation][recipe]") {
  const auto id = GENERATE("q8_0", "f16", "bf16", "f32");
  CHECK(first(chosen(id, tensor("output.weight", "output", {32000, 4096}))) == id);
  CHECK(first(chosen(id, tensor("token_embd.weight", "embedding", {49152, 576}), true)) == id);
}

TEST_CASE("recipe: what the readers demand in f32 is f32, and so are vectors of GGUF files",
          "[allocation][recipe]") {
  const auto id = GENERATE("q4_0", "q8_0", "f16", "bf16", "f32");
  pq::ViewTensor router = tensor("blk.0.ffn_gate_inp.weight", "router", {8, 4096});
  router.keep_f32 = true;
  CHECK(chosen(id, router) == Names{"f32"});
  CHECK(chosen(id, tensor("blk.0.attn_q.bias", "", {4096})) == Names{"f32"});
  CHECK(chosen(id, tensor("blk.0.ffn_gate_inp_shexp.weight", "", {1, 4096})) == Names{"f32"});
}

TEST_CASE("recipe: what llama-quantize leaves alone keeps its stored type", "[allocation][recipe]") {
  CHECK(chosen("q4_0", tensor("per_layer_model_proj.weight", "", {8960, 2048})) == Names{"bf16"});
  CHECK(chosen("q4_0", tensor("blk.0.ffn_gate_exps.bias", "", {8, 4096})) == Names{"bf16"});
  CHECK(chosen("q4_0", tensor("blk.0.attn_k_norm.weight", "norm", {32, 128})) == Names{"bf16"});
  CHECK(chosen("q4_0", tensor("blk.0.ffn_gate_shexp.weight", "", {4096, 4096})) == Names{"q4_0", "f16"});
}

TEST_CASE("recipe: generated tensors that would stay as stored are f32", "[allocation][recipe]") {
  pq::ViewTensor generated = tensor("per_layer_model_proj.weight", "", {2, 2});
  generated.stored_encoding.clear();
  CHECK(chosen("q4_0", generated) == Names{"f32"});
}

TEST_CASE("recipe: in Hugging Face folders norms get the floating-point type of all",
          "[allocation][recipe]") {
  CHECK(chosen("bf16", tensor("model.norm.weight", "norm", {576}), false, Dialect::huggingface) ==
        Names{"bf16"});
}

TEST_CASE("recipe: the built-in ones are listed, their parts are not", "[allocation][recipe]") {
  const Names known = pq::known_recipes();
  for (const char* id : {"bf16", "f16", "f32", "q4_0", "q8_0", "q4_k_m", "iq2_xxs", "mxfp4_moe"}) {
    INFO(id);
    CHECK(std::find(known.begin(), known.end(), id) != known.end());
  }
  CHECK(std::find(known.begin(), known.end(), "unquantized") == known.end());
}

TEST_CASE("recipe: an unknown one is refused at its place with the nearest known one",
          "[allocation][recipe]") {
  const pq::Mark where{std::make_shared<const std::string>("p.yaml"), 4, 13};
  CHECK(message_of([&] {
          pq::load_recipe("q5_O", where);
        }).find("p.yaml:4:13: unknown recipe 'q5_O'; did you mean 'q5_") == 0);
  CHECK(message_of([&] {
          pq::load_recipe("../q4_0", where);
        }).find("p.yaml:4:13: unknown recipe '../q4_0'") == 0);
  CHECK(message_of([&] {
          pq::load_recipe("parts/unquantized", where);
        }).find("p.yaml:4:13: unknown recipe") == 0);
  const pq::Node own = pq::parse_yaml("mine: {otherwise: q8_0}\n", "p.yaml");
  CHECK(message_of([&] { pq::find_recipe(own, "min", where); }) ==
        "p.yaml:4:13: unknown recipe 'min'; did you mean 'mine'?");
  CHECK(message_of([&] { pq::find_recipe(own, "something_else", where); }) ==
        "p.yaml:4:13: unknown recipe 'something_else'; under `recipes` are mine; `polyquant help recipes` "
        "lists the "
        "built-in ones");
}

TEST_CASE("recipe: a pipeline's own recipe comes before the built-in one of that name",
          "[allocation][recipe]") {
  const pq::Node own = pq::parse_yaml("q4_0: {otherwise: q5_0}\n", "p.yaml");
  CHECK(texts(pq::find_recipe(own, "q4_0", {}).encodings) == Names{"q5_0"});
  CHECK(texts(pq::find_recipe(own, "q8_0", {}).encodings) == Names{"q8_0"});
  CHECK(texts(pq::find_recipe({}, "q8_0", {}).encodings) == Names{"q8_0"});
}

TEST_CASE("recipe: the first rule whose conditions all hold decides", "[allocation][recipe]") {
  const pq::Recipe recipe = parse(
      "rules:\n  - {roles: [ffn_up, ffn_down], name: '^blk\\.[01]\\.', use: [q8_0, f16]}\n  - {roles: "
      "ffn_down, use: q5_0}\n"
      "otherwise: q4_0\n");
  const auto pick = [&](const char* name, const char* role) {
    return chosen(recipe, tensor(name, role, {4, 4}));
  };
  CHECK(pick("blk.1.ffn_down.weight", "ffn_down") == Names{"q8_0", "f16"});
  CHECK(pick("blk.2.ffn_down.weight", "ffn_down") == Names{"q5_0"});
  CHECK(pick("blk.2.ffn_up.weight", "ffn_up") == Names{"q4_0"});
}

TEST_CASE("recipe: substitutes follow the last choice of a tensor", "[allocation][recipe]") {
  const pq::Recipe recipe = parse(
      "rules: [{category: output, use: [q6_k, q8_0]}]\notherwise: q4_k\n"
      "substitutes: {q4_k: [q5_0, f16], q8_0: bf16, q6_k: f32}\n");
  CHECK(chosen(recipe, tensor("output.weight", "output", {4, 4})) == Names{"q6_k", "q8_0", "bf16"});
  CHECK(chosen(recipe, tensor("blk.0.ffn_up.weight", "ffn_up", {4, 4})) == Names{"q4_k", "q5_0", "f16"});
}

TEST_CASE("recipe: mistakes are refused at their place", "[allocation][recipe]") {
  CHECK(error_of("otherwhise: q4_0\n") ==
        "r.yaml:1:1: unknown key 'otherwhise' in recipe 'mine'; did you mean 'otherwise'?");
  CHECK(error_of("summary: x\n") ==
        "r.yaml:1:1: recipe 'mine' does not say what all other tensors get; add 'otherwise'");
  CHECK(error_of("rules: [{role: output, use: q8_0}]\notherwise: q4_0\n") ==
        "r.yaml:1:10: unknown key 'role' in rules[0]; did you mean 'roles'?");
  CHECK(error_of("rules: [{roles: output}]\notherwise: q4_0\n") ==
        "r.yaml:1:9: rules[0] does not say which encoding to use; add 'use'");
  CHECK(error_of("rules: [{use: q8_0}]\notherwise: q4_0\n").find("r.yaml:1:9: rules[0] has no condition") ==
        0);
  CHECK(error_of("rules: [{include: unquantised}]\notherwise: q4_0\n") ==
        "r.yaml:1:19: unknown part of recipes 'unquantised'; did you mean 'unquantized'?");
  CHECK(error_of("rules: [{columns_multiple_of: 0, use: q8_0}]\notherwise: q4_0\n") ==
        "r.yaml:1:31: 'columns_multiple_of' must be at least 1, got '0'");
  CHECK(error_of("rules: [{dialect: ggml, use: q8_0}]\notherwise: q4_0\n") ==
        "r.yaml:1:19: 'dialect' must be gguf or huggingface, got 'ggml'");
  CHECK(error_of("rules: [{name: 'a(', use: q8_0}]\notherwise: q4_0\n")
            .find("r.yaml:1:16: 'name': 'a(' is not a regular expression") == 0);
  CHECK(error_of("rules: [{category: ffn_dwn, use: q8_0}]\notherwise: q4_0\n") ==
        "r.yaml:1:20: unknown category 'ffn_dwn'; did you mean 'ffn_down'?");
  CHECK(error_of("rules: [{roles: [output, ffn_dwn], use: q8_0}]\notherwise: q4_0\n") ==
        "r.yaml:1:26: unknown role 'ffn_dwn'; did you mean 'ffn_down'?");
  CHECK(error_of("rules: [{place_below: 1/0, use: q8_0}]\notherwise: q4_0\n") ==
        "r.yaml:1:23: 'place_below' must be a number such as 4 or a share such as 1/8, got '1/0'");
  CHECK(error_of("rules: [{place_from: -1, use: q8_0}]\notherwise: q4_0\n")
            .find("r.yaml:1:22: 'place_from' must be") == 0);
  CHECK(error_of("rules: [{experts: many, use: q8_0}]\notherwise: q4_0\n").find("r.yaml:1:19: ") == 0);
  CHECK(error_of("otherwise: q4_0\nsubstitutes: q8_0\n") ==
        "r.yaml:2:14: 'substitutes' must be a map from an encoding to those to use in its place");
  CHECK(error_of("otherwise: q4_0\nsubstitutes: {include: substitute}\n") ==
        "r.yaml:2:24: unknown part of recipes 'substitute'; did you mean 'substitutes'?");
  CHECK(error_of("otherwise: q4_0\nsubstitutes: {include: substitutes, q4_k: f16}\n") ==
        "r.yaml:2:15: 'substitutes' has 'include', so it cannot have other keys");
  CHECK(error_of("otherwise: []\n") == "r.yaml:1:12: 'otherwise' is empty; name at least one encoding");
  CHECK(error_of("file_type: -1\notherwise: q4_0\n") ==
        "r.yaml:1:12: 'file_type' must be a number of llama.cpp's file types, got '-1'");
  CHECK(error_of("- a\n").find("r.yaml:1:1: recipe 'mine' must be a map") == 0);
}

TEST_CASE("recipe: its JSON Schema knows every condition with its values", "[allocation][recipe]") {
  const auto schema = nlohmann::json::parse(pq::recipe_json_schema());
  CHECK(schema["required"] == nlohmann::json({"otherwise"}));
  const auto& forms = schema["properties"]["rules"]["items"]["anyOf"];
  const auto& conditions = forms[0]["properties"];
  for (const auto& kind : pq::recipe_condition_kinds()) {
    INFO(kind.key);
    CHECK(conditions[kind.key]["description"] == kind.help);
  }
  CHECK(conditions["place_below"]["anyOf"][1]["pattern"] == "^[0-9]+/[1-9][0-9]*$");
  CHECK(conditions["category"]["anyOf"][0]["enum"][0] == "output");
  CHECK(forms[1]["properties"]["include"]["enum"].size() >= 7);
}
