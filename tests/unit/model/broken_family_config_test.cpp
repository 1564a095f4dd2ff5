// Configs that contradict the rules of one family.
#include "model/tiny_model.hpp"

#include <polyquant/base/error.hpp>

#include <catch2/catch.hpp>

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
