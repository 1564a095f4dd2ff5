#include "plan/choose_encoding.hpp"

#include "config/yaml.hpp"
#include "run/memory_model.hpp"

#include <polyquant/base/error.hpp>

#include <catch2/catch.hpp>

namespace pq {
namespace {

/// An output over a model with a matrix of 64 columns, one of 40 and a norm that readers want in f32.
struct Chooser {
  Chooser() {
    registry.load_folders(plugin_search_path({}));
    view.tensors.push_back(tensor("wide", {8, 64}, "ffn_up", false));
    view.tensors.push_back(tensor("narrow", {8, 40}, "ffn_down", false));
    view.tensors.push_back(tensor("norm", {64}, "norm", true));
  }
  static ViewTensor tensor(const std::string& name, Shape shape, const std::string& role, bool keep_f32) {
    ViewTensor result;
    result.name = result.source_name = name;
    result.shape = std::move(shape);
    result.role = role;
    result.keep_f32 = keep_f32;
    result.stored_encoding = "bf16";
    return result;
  }
  PlannedTensor choose(std::size_t index) {
    return EncodingChooser(spec, view, format, registry, nullptr).choose(index);
  }
  std::string encoding(std::size_t index) { return choose(index).encoding->info().spec; }

  PluginRegistry registry;
  test::MemoryDisk disk;
  test::MemoryFormat format{disk};
  ModelView view;
  OutputSpec spec;
};

}  // namespace

TEST_CASE("encoding choice: rules come before the output's encoding, by role or by name", "[plan]") {
  Chooser chooser;
  chooser.spec.encoding = Node::scalar("q4_0");
  CHECK(chooser.encoding(0) == "q4_0");
  chooser.spec.rules = {{"ffn_up", Node::scalar("q8_0"), {}}};
  CHECK(chooser.encoding(0) == "q8_0");
  chooser.spec.rules = {{"^wi", Node::scalar("f16"), {}}};
  CHECK(chooser.encoding(0) == "f16");
}

TEST_CASE("encoding choice: the word of a role means the role, not names with that word in them", "[plan]") {
  Chooser chooser;
  chooser.spec.encoding = Node::scalar("q4_0");
  chooser.spec.rules = {{"output", Node::scalar("q8_0"), {}}};
  chooser.view.tensors = {Chooser::tensor("output.weight", {8, 64}, "output", false),
                          Chooser::tensor("blk.0.attn_output.weight", {8, 64}, "attention_output", false),
                          Chooser::tensor("layer.output.weight", {8, 64}, "", false)};
  CHECK(chooser.encoding(0) == "q8_0");
  CHECK(chooser.encoding(1) == "q4_0");
  CHECK(chooser.encoding(2) == "q8_0");  // no role is known: the name decides
}

TEST_CASE("encoding choice: what readers want in f32 stays f32, whatever a rule says", "[plan]") {
  Chooser chooser;
  chooser.spec.encoding = Node::scalar("q4_0");
  chooser.spec.rules = {{"norm", Node::scalar("f16"), {}}};
  CHECK(chooser.encoding(2) == "f32");
  const EncodingChooser same(chooser.spec, chooser.view, chooser.format, chooser.registry, nullptr);
  REQUIRE(same.unused_rules().size() == 1);
  CHECK_THAT(same.unused_rules()[0], Catch::Contains("rule 'norm'"));
}

TEST_CASE("encoding choice: rows that the block does not divide need a fallback, and say so", "[plan]") {
  Chooser chooser;
  chooser.spec.encoding = Node::scalar("q4_0");
  CHECK_THROWS_WITH(chooser.choose(1),
                    Catch::Contains("'narrow' [8, 40]") && Catch::Contains("multiples of 32, these have 40"));
  chooser.spec.fallback = "f16";
  const PlannedTensor planned = chooser.choose(1);
  CHECK(planned.encoding->info().id == "f16");
  CHECK_THAT(planned.note, Catch::Contains("multiples of 32"));
}

TEST_CASE("encoding choice: a fallback or rule with a typing error is one, whether it is needed or not",
          "[plan]") {
  Chooser chooser;
  chooser.spec.encoding = Node::scalar("q4_0");
  chooser.spec.fallback = "q8_O";
  CHECK_THROWS_WITH(chooser.choose(0), Catch::Contains("q8_O") && Catch::Contains("did you mean 'q8_0'"));
  chooser.spec.fallback.clear();
  chooser.spec.rules = {{"matches_nothing", Node::scalar("q8_O"), {}}};
  CHECK_THROWS_WITH(chooser.choose(0), Catch::Contains("q8_O") && Catch::Contains("did you mean 'q8_0'"));
}

TEST_CASE("encoding choice: without an encoding what is stored is copied", "[plan]") {
  Chooser chooser;
  CHECK(chooser.encoding(0) == "bf16");
  CHECK(chooser.choose(0).route == Route::copy);
  chooser.view.tensors[0].stored_encoding = "unheard_of";
  CHECK(chooser.choose(0).encoding == nullptr);  // carried as raw rows
  chooser.spec.encoding = Node::scalar("q8_0");
  CHECK_THROWS_WITH(chooser.choose(0), Catch::Contains("unheard_of") && Catch::Contains("polyquant plugins"));
}

TEST_CASE("encoding choice: a built-in recipe whose encoding no plugin has says so, an own one is a mistake",
          "[plan]") {
  Chooser chooser;
  Recipe recipe;
  recipe.id = "q4_k_m";
  recipe.encodings = {Node::scalar("unheard_of")};
  recipe.is_built_in = true;
  const EncodingChooser built_in(chooser.spec, chooser.view, chooser.format, chooser.registry, &recipe);
  CHECK_THROWS_AS(built_in.choose(0), PluginError);
  CHECK_THROWS_WITH(
      built_in.choose(0),
      "recipe 'q4_k_m' needs the encoding 'unheard_of' for tensor 'wide' [8, 64], which no loaded plugin "
      "has; see `polyquant plugins`");
  recipe.is_built_in = false;
  const EncodingChooser own(chooser.spec, chooser.view, chooser.format, chooser.registry, &recipe);
  CHECK_THROWS_AS(own.choose(0), ConfigError);  // check_recipes() says so before any tensor is looked at
}

TEST_CASE("encoding choice: names that no tensor needs are checked, too", "[plan]") {
  Chooser chooser;
  chooser.spec.encoding = Node::scalar("q8_0");
  chooser.spec.fallback = "q4_9";
  CHECK_THROWS_WITH(chooser.choose(0), Catch::Contains("unknown encoding 'q4_9'"));
  chooser.spec.fallback = "f16";
  chooser.spec.rules = {{"router", Node::scalar("q8_9"), {}}};
  CHECK_THROWS_WITH(chooser.choose(0), Catch::Contains("unknown encoding 'q8_9'"));
}

TEST_CASE("encoding choice: a recipe's unknown encoding is reported where the recipe names it", "[plan]") {
  Chooser chooser;
  chooser.spec.mark = {std::make_shared<const std::string>("p.yaml"), 9, 5};
  const Recipe recipe = parse_recipe(
      parse_yaml("rules:\n- {roles: ffn_up, use: q4_z}\notherwise: q8_0\n", "mine.yaml"), "mine");
  const EncodingChooser own(chooser.spec, chooser.view, chooser.format, chooser.registry, &recipe);
  CHECK_THROWS_WITH(own.choose(0), Catch::StartsWith("mine.yaml:2:24: unknown encoding 'q4_z'"));
}

TEST_CASE("encoding choice: a fallback that does not fit either is named with its reason", "[plan]") {
  Chooser chooser;
  chooser.spec.encoding = Node::scalar("q4_k");
  chooser.spec.fallback = "q4_0";
  CHECK_THROWS_WITH(chooser.choose(1),
                    Catch::Contains("multiples of 256, these have 40, and the fallback 'q4_0' does not fit "
                                    "either: q4_0 needs row lengths that are multiples of 32"));
}

TEST_CASE("encoding choice: cures are in the syntax that the user wrote", "[plan]") {
  Chooser chooser;
  chooser.spec.encoding = Node::scalar("q4_0");
  CHECK_THROWS_WITH(chooser.choose(1),
                    Catch::EndsWith("; use --recipe q4_0, which has substitutes for such rows, "
                                    "or add --set outputs.0.fallback=bf16"));
  chooser.spec.mark = {std::make_shared<const std::string>("p.yaml"), 4, 5};
  CHECK_THROWS_WITH(chooser.choose(1),
                    Catch::StartsWith("p.yaml:4:5: ") &&
                        Catch::EndsWith("; use `recipe: q4_0`, which has substitutes for such rows, or add "
                                        "`fallback: bf16`, or give this tensor a rule"));
  chooser.spec.encoding.set_mark({chooser.spec.mark.source, 4, 20});
  CHECK_THROWS_WITH(chooser.choose(1), Catch::StartsWith("p.yaml:4:20: 'encoding' cannot be used"));
}

TEST_CASE("encoding choice: convert has no recipe, so its cures name the command that has", "[plan]") {
  Chooser chooser;
  chooser.spec.lossless = Lossless::prefer;
  chooser.spec.encoding =
      Node::scalar("q4_k", false, {std::make_shared<const std::string>("--encoding"), 0, 0});
  CHECK_THROWS_WITH(chooser.choose(0),
                    Catch::StartsWith("--encoding q4_k cannot be used for tensor 'wide'") &&
                        Catch::Contains("use `polyquant quantize ... --recipe q4_k_m`, which") &&
                        Catch::EndsWith("or add --set outputs.0.fallback=q8_0"));
  chooser.spec.encoding = Node::scalar("q4_k_m");
  CHECK_THROWS_WITH(chooser.choose(0), Catch::EndsWith("; use `polyquant quantize ... --recipe q4_k_m`"));
  chooser.spec.encoding = Node::scalar("q8_0");
  chooser.spec.rules = {{"wide", Node::scalar("q4_k_m"), {}}};
  CHECK_THROWS_WITH(chooser.choose(0), Catch::EndsWith("it mixes several; give an encoding, such as q4_k"));
}

TEST_CASE("encoding choice: an encoding below 16 bits leaves norms and biases as they are stored", "[plan]") {
  Chooser chooser;
  chooser.view.tensors.push_back(Chooser::tensor("vector", {64}, "", false));
  chooser.view.tensors.push_back(Chooser::tensor("wide_norm", {8, 64}, "norm", false));
  chooser.spec.encoding = Node::scalar("q8_0");
  CHECK(chooser.encoding(0) == "q8_0");
  CHECK(chooser.encoding(3) == "bf16");
  CHECK(chooser.encoding(4) == "bf16");
  CHECK_THAT(chooser.choose(3).note, Catch::Contains("norms and biases stay as they are"));
  chooser.spec.rules = {{"^vector$", Node::scalar("q8_0"), {}}};
  CHECK(chooser.encoding(3) == "q8_0");
  chooser.spec.rules.clear();
  chooser.spec.encoding = Node::scalar("f16");
  CHECK(chooser.encoding(3) == "f16");
}

TEST_CASE("encoding choice: a rule whose word is nearly a role is an error, other names only unused",
          "[plan]") {
  Chooser chooser;
  chooser.spec.encoding = Node::scalar("q8_0");
  const auto unused = [&](const char* match) {
    chooser.spec.rules = {{match, Node::scalar("f16"), {}}};
    return EncodingChooser(chooser.spec, chooser.view, chooser.format, chooser.registry, nullptr)
        .unused_rules();
  };
  CHECK_THROWS_WITH(unused("ffn_dwn"),
                    "unknown role 'ffn_dwn', which is in no tensor's name either; did you mean 'ffn_down'?");
  CHECK(unused("ffn_gate_inp").size() == 1);  // other architectures have it
  CHECK(unused("^model\\.vision").size() == 1);
  chooser.view.facts.tied_output = true;
  CHECK_THAT(unused("output")[0],
             Catch::EndsWith("this model's output matrix is its embedding (role 'embedding')"));
}

TEST_CASE("encoding choice: the name of a recipe in place of an encoding is explained", "[plan]") {
  Chooser chooser;
  chooser.spec.encoding = Node::scalar("Q4_K_M");
  CHECK_THROWS_WITH(chooser.choose(0),
                    "'Q4_K_M' is a recipe, not an encoding: it mixes several; write --recipe "
                    "q4_k_m");
  chooser.spec.encoding = Node::scalar("Q4_0");
  CHECK_THROWS_WITH(chooser.choose(0), Catch::Contains("did you mean 'q4_0'"));
}

}  // namespace pq
