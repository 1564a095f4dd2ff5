// Configs that contradict the rules of one family.
#include "model/tiny_model.hpp"

#include <polyquant/base/error.hpp>

#include <catch2/catch.hpp>

#include <fstream>
#include <utility>
#include <vector>

using namespace pq;
using Catch::Matchers::Contains;

namespace {

std::string message_of(const std::string& model, const std::string& from, const std::string& to) {
  const tiny::Copy copy(model);
  copy.replace("config.json", from, to);
  try {
    make_view(tiny::open_folder(copy.path()), copy.path(), Dialect::gguf, tiny::options(model));
  } catch (const FormatError& error) {
    return error.what();
  }
  return "no error";
}

/// With keys replaced by JSON texts.
std::string message_with(const std::string& model,
                         const std::vector<std::pair<std::string, std::string>>& keys) {
  const tiny::Copy copy(model);
  Json config = tiny::config(model);
  for (const auto& [key, value] : keys) config.set(key, parse_json(value, "test"));
  std::ofstream(copy.path() / "config.json") << to_json(config);
  try {
    make_view(tiny::open_folder(copy.path()), copy.path(), Dialect::gguf, tiny::options(model));
  } catch (const FormatError& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace

TEST_CASE("broken config: more experts than the files hold", "[model]") {
  CHECK_THAT(message_of("mixtral-8", "\"num_local_experts\": 8", "\"num_local_experts\": 9"),
             Contains("model.layers.0.block_sparse_moe.experts.8.w1.weight") && Contains("missing"));
}

TEST_CASE("broken config: fewer experts than the files hold", "[model]") {
  CHECK_THAT(message_of("mixtral-8", "\"num_local_experts\": 8", "\"num_local_experts\": 7"),
             Contains("block_sparse_moe.gate.weight") && Contains("[8, 64]") &&
                 Contains("[7, 64] (num_local_experts 7, hidden_size 64)"));
}

TEST_CASE("broken config: fused experts of another width", "[model]") {
  CHECK_THAT(message_of("qwen3moe-fused", "\"moe_intermediate_size\": 32", "\"moe_intermediate_size\": 24"),
             Contains("experts.gate_up_proj") && Contains("[4, 64, 64]") && Contains("[4, 48, 64]"));
  CHECK_THAT(message_of("granitemoe", "\"intermediate_size\": 32", "\"intermediate_size\": 64"),
             Contains("input_linear.weight") && Contains("[4, 128, 64]"));
}

TEST_CASE("broken config: a layer is said to have no experts, but has them", "[model]") {
  CHECK_THAT(message_of("qwen2moe", "\"mlp_only_layers\": []", "\"mlp_only_layers\": [1]"),
             Contains("model.layers.1.mlp.gate_proj.weight") && Contains("missing"));
}

TEST_CASE("broken config: numbers that nothing can be divided by", "[model]") {
  CHECK_THAT(message_of("qwen3moe", "\"decoder_sparse_step\": 1", "\"decoder_sparse_step\": 0"),
             Contains("config.json") && Contains("decoder_sparse_step 0"));
  CHECK_THAT(message_of("qwen2", "\"num_attention_heads\": 4", "\"num_attention_heads\": 0"),
             Contains("config.json") && Contains("num_attention_heads is 0"));
}

TEST_CASE("broken config: layer types that are not one per layer", "[model]") {
  CHECK_THAT(message_of("olmo3", "\"num_hidden_layers\": 4", "\"num_hidden_layers\": 5"),
             Contains("layer_types has 4 entries") && Contains("5 layers"));
}

TEST_CASE("broken config: StableLM with other norms than its config says", "[model]") {
  CHECK_THAT(message_of("stablelm", "\"use_parallel_residual\": false", "\"use_parallel_residual\": true"),
             Contains("post_attention_layernorm") && Contains("would be lost"));
  CHECK_THAT(message_of("stablelm", "\"qk_layernorm\": false", "\"qk_layernorm\": true"),
             Contains("self_attn.q_layernorm.norms.0.weight") && Contains("missing"));
}

TEST_CASE("broken config: layer types of unknown kinds, or no list", "[model]") {
  const auto given = [](const std::string& types) {
    return message_with("gemma3", {{"layer_types", types}});
  };
  const std::string window = "\"sliding_attention\"",
                    five = window + "," + window + "," + window + "," + window + "," + window;
  CHECK_THAT(given("[" + five + ", \"foo\"]"), Contains("config.json: layer_types names 'foo'"));
  CHECK_THAT(given("\"full\""), Contains("config.json: layer_types must be a list") && Contains("6 layers"));
  CHECK_THAT(given("[" + five + "]"), Contains("layer_types has 5 entries") && Contains("6 layers"));
  CHECK(given("[" + five + ", \"full_attention\"]") == "no error");
  CHECK(given("null") == "no error");
}

TEST_CASE("broken config: rotary values that nothing can be computed with", "[model]") {
  const auto scaled = [](const std::string& scaling) {
    return message_with("llama", {{"rope_parameters", "null"}, {"rope_scaling", "{" + scaling + "}"}});
  };
  const std::string factor = GENERATE("0", "-4", "0.0");
  INFO(factor);
  CHECK_THAT(scaled("\"rope_type\": \"linear\", \"factor\": " + factor),
             Contains("config.json: rope_scaling.factor") && Contains("must be more than 0"));
  CHECK_THAT(
      scaled("\"rope_type\": \"llama3\", \"original_max_position_embeddings\": 64, \"factor\": " + factor),
      Contains("must be more than 0"));
  CHECK_THAT(
      scaled("\"rope_type\": \"yarn\", \"factor\": 4, \"original_max_position_embeddings\": " + factor),
      Contains("original_max_position_embeddings") && Contains("must be more than 1"));
  CHECK_THAT(scaled("\"rope_type\": \"llama3\", \"factor\": 8, \"low_freq_factor\": " + factor),
             Contains("low_freq_factor"));
  CHECK_THAT(
      scaled("\"rope_type\": \"llama3\", \"factor\": 8, \"low_freq_factor\": 4, \"high_freq_factor\": 1"),
      Contains("high_freq_factor"));
  CHECK(scaled("\"rope_type\": \"llama3\", \"factor\": 8, \"low_freq_factor\": 1, \"high_freq_factor\": 1") ==
        "no error");
  CHECK_THAT(message_with("llama", {{"rope_parameters", "null"}, {"rope_theta", factor}}),
             Contains("rope_theta") && Contains("must be more than 0"));
}

TEST_CASE("broken config: more groups of experts are taken than there are", "[model]") {
  const std::string text = message_of("deepseek-v3", "\"topk_group\": ", "\"topk_group\": 100, \"unused\": ");
  CHECK_THAT(text, Contains("topk_group 100 is more than n_group"));
}

TEST_CASE("broken config: experts without the number that a token takes", "[model]") {
  CHECK_THAT(message_of("deepseek-v2", "\"num_experts_per_tok\"", "\"num_experts_per_something\""),
             Contains("n_routed_experts") && Contains("num_experts_per_tok"));
}
