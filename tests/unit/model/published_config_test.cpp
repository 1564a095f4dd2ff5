// The keys of published models' config.json: the rules give as many parameters as the models' pages state (huggingface.co, the count that
// is read from their safetensors files), and nothing is lost in GGUF.
#include "model/family.hpp"
#include "model/gguf_metadata.hpp"
#include "model/tensor_links.hpp"

#include <catch2/catch.hpp>

#include <algorithm>

using namespace pq;

namespace {

struct Published {
  const char* name;
  std::int64_t parameters;
  const char* config;
  const char* warning = "";  // part of the one warning that is right
};

constexpr Published kPublished[] = {
    {"Qwen2.5-0.5B", 494'032'768,
     R"({"architectures": ["Qwen2ForCausalLM"], "hidden_size": 896, "intermediate_size": 4864, "num_hidden_layers": 24,
         "num_attention_heads": 14, "num_key_value_heads": 2, "vocab_size": 151936, "max_position_embeddings": 32768,
         "max_window_layers": 21, "sliding_window": 32768, "use_sliding_window": false, "use_mrope": false,
         "tie_word_embeddings": true, "rope_theta": 1000000.0, "rms_norm_eps": 1e-06})"},
    {"Qwen2.5-7B with YaRN", 7'615'616'512,
     R"({"architectures": ["Qwen2ForCausalLM"], "hidden_size": 3584, "intermediate_size": 18944, "num_hidden_layers": 28,
         "num_attention_heads": 28, "num_key_value_heads": 4, "vocab_size": 152064, "max_position_embeddings": 131072,
         "max_window_layers": 28, "sliding_window": 131072, "use_sliding_window": false, "tie_word_embeddings": false,
         "rope_theta": 1000000.0, "rms_norm_eps": 1e-06,
         "rope_scaling": {"factor": 4.0, "original_max_position_embeddings": 32768, "type": "yarn"}})"},
    {"Qwen3-0.6B", 596'049'920,
     R"({"architectures": ["Qwen3ForCausalLM"], "hidden_size": 1024, "intermediate_size": 3072, "num_hidden_layers": 28,
         "num_attention_heads": 16, "num_key_value_heads": 8, "head_dim": 128, "vocab_size": 151936,
         "max_position_embeddings": 40960, "max_window_layers": 28, "sliding_window": null, "use_sliding_window": false,
         "attention_bias": false, "tie_word_embeddings": true, "rope_theta": 1000000, "rope_scaling": null,
         "rms_norm_eps": 1e-06})"},
    {"Qwen3-30B-A3B", 30'532'122'624,
     R"({"architectures": ["Qwen3MoeForCausalLM"], "hidden_size": 2048, "intermediate_size": 6144, "moe_intermediate_size": 768,
         "num_hidden_layers": 48, "num_attention_heads": 32, "num_key_value_heads": 4, "head_dim": 128, "vocab_size": 151936,
         "num_experts": 128, "num_experts_per_tok": 8, "norm_topk_prob": true, "decoder_sparse_step": 1,
         "mlp_only_layers": [], "max_position_embeddings": 40960, "max_window_layers": 48, "sliding_window": null,
         "use_sliding_window": false, "tie_word_embeddings": false, "rope_theta": 1000000.0, "rms_norm_eps": 1e-06})"},
    {"Qwen1.5-MoE-A2.7B", 14'315'784'192,
     R"({"architectures": ["Qwen2MoeForCausalLM"], "hidden_size": 2048, "intermediate_size": 5632, "moe_intermediate_size": 1408,
         "shared_expert_intermediate_size": 5632, "num_hidden_layers": 24, "num_attention_heads": 16,
         "num_key_value_heads": 16, "vocab_size": 151936, "num_experts": 60, "num_experts_per_tok": 4,
         "norm_topk_prob": false, "decoder_sparse_step": 1, "max_position_embeddings": 8192, "max_window_layers": 21,
         "sliding_window": 32768, "use_sliding_window": false, "tie_word_embeddings": false, "rope_theta": 1000000.0})"},
    {"Mixtral-8x7B-v0.1", 46'702'792'704,
     R"({"architectures": ["MixtralForCausalLM"], "hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32,
         "num_attention_heads": 32, "num_key_value_heads": 8, "vocab_size": 32000, "num_local_experts": 8,
         "num_experts_per_tok": 2, "max_position_embeddings": 32768, "sliding_window": null,
         "tie_word_embeddings": false, "rope_theta": 1000000.0, "rms_norm_eps": 1e-05})"},
    {"gemma-2b", 2'506'172'416,
     R"({"architectures": ["GemmaForCausalLM"], "hidden_size": 2048, "intermediate_size": 16384, "num_hidden_layers": 18,
         "num_attention_heads": 8, "num_key_value_heads": 1, "head_dim": 256, "vocab_size": 256000, "hidden_act": "gelu",
         "max_position_embeddings": 8192, "rope_scaling": null, "rope_theta": 10000.0, "rms_norm_eps": 1e-06})"},
    {"gemma-7b", 8'537'680'896, R"({"architectures": ["GemmaForCausalLM"]})"},
    {"gemma-2-2b", 2'614'341'888, R"({"architectures": ["Gemma2ForCausalLM"]})"},
    {"gemma-2-27b", 27'227'128'320,
     R"({"architectures": ["Gemma2ForCausalLM"], "hidden_size": 4608, "intermediate_size": 36864, "num_hidden_layers": 46,
         "num_attention_heads": 32, "num_key_value_heads": 16, "head_dim": 128, "query_pre_attn_scalar": 144,
         "vocab_size": 256000, "sliding_window": 4096, "sliding_window_size": 4096, "final_logit_softcapping": 30.0,
         "attn_logit_softcapping": 50.0})"},
    {"SmolLM3-3B", 3'075'098'624,
     R"({"architectures": ["SmolLM3ForCausalLM"], "hidden_size": 2048, "intermediate_size": 11008, "num_hidden_layers": 36,
         "num_attention_heads": 16, "num_key_value_heads": 4, "vocab_size": 128256, "max_position_embeddings": 65536,
         "max_window_layers": 28, "no_rope_layer_interval": 4, "sliding_window": null, "use_sliding_window": false,
         "no_rope_layers": [1,1,1,0,1,1,1,0,1,1,1,0,1,1,1,0,1,1,1,0,1,1,1,0,1,1,1,0,1,1,1,0,1,1,1,0],
         "rope_theta": 5000000.0, "rms_norm_eps": 1e-06})"},
    {"granite-3.3-8b", 8'170'864'640,
     R"({"architectures": ["GraniteForCausalLM"], "hidden_size": 4096, "intermediate_size": 12800, "num_hidden_layers": 40,
         "num_attention_heads": 32, "num_key_value_heads": 8, "vocab_size": 49159, "max_position_embeddings": 131072,
         "attention_multiplier": 0.0078125, "embedding_multiplier": 12.0, "residual_multiplier": 0.22,
         "logits_scaling": 16.0, "tie_word_embeddings": true, "rope_theta": 10000000.0, "rms_norm_eps": 1e-05})"},
    {"granite-3.0-1b-a400m", 1'334'628'352,
     R"({"architectures": ["GraniteMoeForCausalLM"], "hidden_size": 1024, "intermediate_size": 512, "num_hidden_layers": 24,
         "num_attention_heads": 16, "num_key_value_heads": 8, "vocab_size": 49155, "num_local_experts": 32,
         "num_experts_per_tok": 8, "tie_word_embeddings": true, "rope_theta": 10000})"},
    {"OLMo-2-1124-7B", 7'298'617'344,
     R"({"architectures": ["Olmo2ForCausalLM"], "hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32,
         "num_attention_heads": 32, "num_key_value_heads": 32, "vocab_size": 100352, "max_position_embeddings": 4096,
         "tie_word_embeddings": false, "rope_theta": 500000, "rms_norm_eps": 1e-06})"},
    {"Olmo-3-1025-7B", 7'298'011'136,
     R"({"architectures": ["Olmo3ForCausalLM"], "hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32,
         "num_attention_heads": 32, "num_key_value_heads": 32, "vocab_size": 100278, "max_position_embeddings": 65536,
         "sliding_window": 4096, "tie_word_embeddings": false, "rope_theta": 500000, "rms_norm_eps": 1e-06,
         "rope_scaling": {"attention_factor": 1.2079441541679836, "beta_fast": 32.0, "beta_slow": 1.0, "factor": 8.0,
                          "original_max_position_embeddings": 8192, "rope_type": "yarn"}})"},
    {"stablelm-2-1_6b", 1'644'515'328,
     R"({"architectures": ["StableLmForCausalLM"], "hidden_size": 2048, "intermediate_size": 5632, "num_hidden_layers": 24,
         "num_attention_heads": 32, "num_key_value_heads": 32, "vocab_size": 100352, "use_qkv_bias": true,
         "partial_rotary_factor": 0.25, "rope_theta": 10000, "tie_word_embeddings": false, "layer_norm_eps": 1e-05})"},
    {"stablelm-2-12b", 12'143'185'920,
     R"({"architectures": ["StableLmForCausalLM"], "hidden_size": 5120, "intermediate_size": 13824, "num_hidden_layers": 40,
         "num_attention_heads": 32, "num_key_value_heads": 8, "vocab_size": 100352, "use_qkv_bias": false,
         "qk_layernorm": true, "use_parallel_residual": true, "partial_rotary_factor": 0.25, "rope_theta": 10000,
         "tie_word_embeddings": false, "layer_norm_eps": 1e-05})"},
    {"Phi-3-mini-4k-instruct", 3'821'079'552,
     R"({"architectures": ["Phi3ForCausalLM"], "hidden_size": 3072, "intermediate_size": 8192, "num_hidden_layers": 32,
         "num_attention_heads": 32, "num_key_value_heads": 32, "vocab_size": 32064, "max_position_embeddings": 4096,
         "original_max_position_embeddings": 4096, "rope_scaling": null, "rope_theta": 10000.0, "rms_norm_eps": 1e-05,
         "sliding_window": 2047, "tie_word_embeddings": false, "attention_bias": false})",
     "window of 2047"},
    {"Phi-3-medium-4k-instruct", 13'960'238'080,
     R"({"architectures": ["Phi3ForCausalLM"], "hidden_size": 5120, "intermediate_size": 17920, "num_hidden_layers": 40,
         "num_attention_heads": 40, "num_key_value_heads": 10, "vocab_size": 32064, "max_position_embeddings": 4096,
         "original_max_position_embeddings": 4096, "rope_scaling": null, "sliding_window": 2047})",
     "window of 2047"},
    {"Phi-4-mini-instruct", 3'836'021'760,
     R"({"architectures": ["Phi3ForCausalLM"], "hidden_size": 3072, "intermediate_size": 8192, "num_hidden_layers": 32,
         "num_attention_heads": 24, "num_key_value_heads": 8, "vocab_size": 200064, "max_position_embeddings": 131072,
         "original_max_position_embeddings": 4096, "partial_rotary_factor": 0.75, "tie_word_embeddings": true,
         "rope_theta": 10000.0, "sliding_window": 262144, "attention_bias": false, "interpolate_factor": 1,
         "rope_scaling": {"type": "longrope",
           "long_factor": [1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1],
           "short_factor": [1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]}})"},
    {"starcoder2-3b", 3'030'371'328,
     R"({"architectures": ["Starcoder2ForCausalLM"], "hidden_size": 3072, "intermediate_size": 12288, "num_hidden_layers": 30,
         "num_attention_heads": 24, "num_key_value_heads": 2, "vocab_size": 49152, "max_position_embeddings": 16384,
         "norm_epsilon": 1e-05, "norm_type": "layer_norm", "mlp_type": "default", "rope_theta": 999999.4420358813,
         "sliding_window": 4096, "use_bias": true})",
     "window of 4096"},
    {"c4ai-command-r-v01", 34'980'831'232,
     R"({"architectures": ["CohereForCausalLM"], "hidden_size": 8192, "intermediate_size": 22528, "num_hidden_layers": 40,
         "num_attention_heads": 64, "num_key_value_heads": 64, "vocab_size": 256000, "max_position_embeddings": 8192,
         "model_max_length": 131072, "layer_norm_eps": 1e-05, "logit_scale": 0.0625, "rope_theta": 8000000.0,
         "attention_bias": false})"},
    {"c4ai-command-r7b-12-2024", 8'028'033'024,
     R"({"architectures": ["Cohere2ForCausalLM"], "hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32,
         "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 128, "vocab_size": 256000,
         "max_position_embeddings": 8192, "layer_norm_eps": 1e-05, "logit_scale": 0.25, "rope_theta": 50000,
         "rope_scaling": null, "rotary_pct": 1.0, "sliding_window": 4096, "sliding_window_pattern": 4,
         "layer_switch": 4, "order_of_interleaved_layers": "local_attn_first", "position_embedding_type": "rope_gptj",
         "use_gated_activation": true, "use_parallel_block": true, "use_parallel_embedding": true})"},
    {"gpt-oss-20b", 20'914'757'184,
     R"({"architectures": ["GptOssForCausalLM"], "hidden_size": 2880, "intermediate_size": 2880, "num_hidden_layers": 24,
         "num_attention_heads": 64, "num_key_value_heads": 8, "head_dim": 64, "vocab_size": 201088,
         "num_local_experts": 32, "num_experts_per_tok": 4, "experts_per_token": 4, "attention_bias": true,
         "initial_context_length": 4096, "max_position_embeddings": 131072, "sliding_window": 128,
         "rope_theta": 150000, "swiglu_limit": 7.0, "tie_word_embeddings": false,
         "rope_scaling": {"beta_fast": 32.0, "beta_slow": 1.0, "factor": 32.0, "original_max_position_embeddings": 4096,
                          "rope_type": "yarn", "truncate": false}})",
     "truncate"},
    {"gpt-oss-120b", 116'829'156'672, R"({"architectures": ["GptOssForCausalLM"]})", "truncate"},
    {"DeepSeek-V2-Lite", 15'706'484'224,
     R"({"architectures": ["DeepseekV2ForCausalLM"], "hidden_size": 2048, "intermediate_size": 10944, "num_hidden_layers": 27,
         "num_attention_heads": 16, "num_key_value_heads": 16, "vocab_size": 102400, "max_position_embeddings": 163840,
         "q_lora_rank": null, "kv_lora_rank": 512, "qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "v_head_dim": 128,
         "n_routed_experts": 64, "n_shared_experts": 2, "num_experts_per_tok": 6, "moe_intermediate_size": 1408,
         "first_k_dense_replace": 1, "moe_layer_freq": 1, "n_group": 1, "topk_group": 1, "topk_method": "greedy",
         "scoring_func": "softmax", "norm_topk_prob": false, "routed_scaling_factor": 1.0, "rope_theta": 10000,
         "rope_scaling": {"beta_fast": 32, "beta_slow": 1, "factor": 40, "mscale": 0.707, "mscale_all_dim": 0.707,
                          "original_max_position_embeddings": 4096, "type": "yarn"}})"},
    {"DeepSeek-V2", 235'741'434'880,
     R"({"architectures": ["DeepseekV2ForCausalLM"], "hidden_size": 5120, "intermediate_size": 12288, "num_hidden_layers": 60,
         "num_attention_heads": 128, "num_key_value_heads": 128, "vocab_size": 102400, "max_position_embeddings": 163840,
         "q_lora_rank": 1536, "kv_lora_rank": 512, "qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "v_head_dim": 128,
         "n_routed_experts": 160, "n_shared_experts": 2, "num_experts_per_tok": 6, "moe_intermediate_size": 1536,
         "first_k_dense_replace": 1, "n_group": 8, "topk_group": 3, "topk_method": "group_limited_greedy",
         "routed_scaling_factor": 16.0,
         "rope_scaling": {"beta_fast": 32, "beta_slow": 1, "factor": 40, "mscale": 0.707, "mscale_all_dim": 0.707,
                          "original_max_position_embeddings": 4096, "type": "yarn"}})",
     "group_limited_greedy"},
    {"DeepSeek-V3 without the layer of the second next token", 671'026'419'200,
     R"({"architectures": ["DeepseekV3ForCausalLM"], "hidden_size": 7168, "intermediate_size": 18432, "num_hidden_layers": 61,
         "num_attention_heads": 128, "num_key_value_heads": 128, "vocab_size": 129280, "max_position_embeddings": 163840,
         "q_lora_rank": 1536, "kv_lora_rank": 512, "qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "v_head_dim": 128,
         "n_routed_experts": 256, "n_shared_experts": 1, "num_experts_per_tok": 8, "moe_intermediate_size": 2048,
         "first_k_dense_replace": 3, "moe_layer_freq": 1, "n_group": 8, "topk_group": 4, "topk_method": "noaux_tc",
         "scoring_func": "sigmoid", "norm_topk_prob": true, "num_nextn_predict_layers": 1, "routed_scaling_factor": 2.5,
         "rope_theta": 10000, "tie_word_embeddings": false,
         "rope_scaling": {"beta_fast": 32, "beta_slow": 1, "factor": 40, "mscale": 1.0, "mscale_all_dim": 1.0,
                          "original_max_position_embeddings": 4096, "type": "yarn"}})"},
    {"gpt2", 124'439'808,
     R"({"architectures": ["GPT2LMHeadModel"], "n_ctx": 1024, "n_embd": 768, "n_head": 12, "n_layer": 12,
         "n_positions": 1024, "vocab_size": 50257, "layer_norm_epsilon": 1e-05, "activation_function": "gelu_new"})"},
    {"gpt2-xl", 1'557'611'200,
     R"({"architectures": ["GPT2LMHeadModel"], "n_ctx": 1024, "n_embd": 1600, "n_head": 25, "n_layer": 48,
         "n_positions": 1024, "vocab_size": 50257})"},
    {"pythia-70m", 70'426'624,
     R"({"architectures": ["GPTNeoXForCausalLM"], "hidden_size": 512, "intermediate_size": 2048, "num_hidden_layers": 6,
         "num_attention_heads": 8, "vocab_size": 50304, "max_position_embeddings": 2048, "rotary_pct": 0.25,
         "rotary_emb_base": 10000, "layer_norm_eps": 1e-05, "use_parallel_residual": true, "hidden_act": "gelu",
         "tie_word_embeddings": false})"},
    {"pythia-6.9b", 6'857'302'016,
     R"({"architectures": ["GPTNeoXForCausalLM"], "hidden_size": 4096, "intermediate_size": 16384, "num_hidden_layers": 32,
         "num_attention_heads": 32, "vocab_size": 50432, "max_position_embeddings": 2048, "rotary_pct": 0.25})"},
    {"falcon-7b without its second copy of the embedding", 6'921'720'704,
     R"({"architectures": ["FalconForCausalLM"], "hidden_size": 4544, "num_hidden_layers": 32, "num_attention_heads": 71,
         "vocab_size": 65024, "layer_norm_epsilon": 1e-05, "multi_query": true, "new_decoder_architecture": false,
         "parallel_attn": true, "bias": false, "alibi": false})"},
    {"falcon-40b without its second copy of the embedding", 41'303'293'952,
     R"({"architectures": ["FalconForCausalLM"], "hidden_size": 8192, "num_hidden_layers": 60, "num_attention_heads": 128,
         "num_kv_heads": 8, "vocab_size": 65024, "layer_norm_epsilon": 1e-05, "multi_query": true,
         "new_decoder_architecture": true, "parallel_attn": true, "bias": false, "alibi": false})"},
    {"mpt-7b", 6'649'286'656,
     R"({"architectures": ["MPTForCausalLM"], "d_model": 4096, "n_heads": 32, "n_layers": 32, "expansion_ratio": 4,
         "max_seq_len": 2048, "vocab_size": 50432, "no_bias": true, "learned_pos_emb": true, "logit_scale": null,
         "attn_config": {"alibi": true, "alibi_bias_max": 8, "attn_impl": "torch", "attn_pdrop": 0,
                         "attn_type": "multihead_attention", "attn_uses_sequence_id": false, "clip_qkv": null,
                         "prefix_lm": false, "qk_ln": false, "softmax_scale": null}})"},
};

}  // namespace

TEST_CASE("families: published models have the stated number of parameters, and GGUF loses nothing",
          "[model]") {
  const Published& published = GENERATE(from_range(std::begin(kPublished), std::end(kPublished)));
  INFO(published.name);
  const Json config = parse_json(published.config, "config.json");
  const Family* family = find_family(installed_families(), config);
  REQUIRE(family != nullptr);
  ConfigScope scope(&family->let, config, family->defaults, "config.json");
  std::int64_t parameters = 0;
  for (const TensorLink& link : tensor_links(*family, scope))
    if (link.generated.empty() && !link.optional) parameters += elements(link.gguf_shape);
  CHECK(parameters == published.parameters);
  for (const ConditionText& condition : family->errors) CHECK_FALSE(condition.when.test(scope, true));
  std::string said;
  for (const ConditionText& condition : family->warnings)
    if (condition.when.test(scope, true)) said += fill_in(condition.text, scope) + "\n";
  CHECK_THAT(said, Catch::Matchers::Contains(published.warning));
  CHECK(std::count(said.begin(), said.end(), '\n') == (*published.warning == '\0' ? 0 : 1));
  Metadata metadata;
  apply_metadata_rules(family->metadata, "a", scope, metadata);
  CHECK(metadata.integer("a.embedding_length", 0) > 0);
  if (config.find_path("rope_scaling.factor") != nullptr || family->id == "gpt-oss")
    CHECK(metadata.string("a.rope.scaling.type", "") == "yarn");
}

TEST_CASE("families: what a published model switches on and GGUF has no form for is said", "[model]") {
  const auto warnings = [](const std::string& text) {
    const Json config = parse_json(text, "config.json");
    const Family& family = *find_family(installed_families(), config);
    const ConfigScope scope(&family.let, config, family.defaults, "config.json");
    std::string found;
    for (const ConditionText& condition : family.warnings)
      if (condition.when.test(scope, true)) found += fill_in(condition.text, scope) + "\n";
    return found;
  };
  using Catch::Matchers::Contains;
  CHECK_THAT(
      warnings(
          R"({"architectures": ["Qwen2ForCausalLM"], "use_sliding_window": true, "max_window_layers": 20})"),
      Contains("window of 4096"));
  CHECK(warnings(
            R"({"architectures": ["Qwen2ForCausalLM"], "use_sliding_window": true, "max_window_layers": 40})")
            .empty());
  CHECK_THAT(warnings(R"({"architectures": ["Qwen3MoeForCausalLM"], "norm_topk_prob": false})"),
             Contains("norm_topk_prob"));
  CHECK_THAT(warnings(R"({"architectures": ["Qwen2MoeForCausalLM"], "norm_topk_prob": true})"),
             Contains("norm_topk_prob"));
  CHECK_THAT(warnings(R"({"architectures": ["Qwen2MoeForCausalLM"], "mlp_only_layers": [3]})"),
             Contains("without experts"));
  CHECK_THAT(warnings(R"({"architectures": ["SmolLM3ForCausalLM"], "no_rope_layer_interval": 3})"),
             Contains("no_rope_layers"));
  CHECK_THAT(warnings(R"({"architectures": ["GemmaForCausalLM"], "rope_theta": 50000.0})"),
             Contains("50000"));
  CHECK_THAT(
      warnings(
          R"({"architectures": ["StableLmForCausalLM"], "rope_scaling": {"type": "linear", "factor": 2.0}})"),
      Contains("'linear'"));
  CHECK_THAT(warnings(R"({"architectures": ["Gemma2ForCausalLM"], "query_pre_attn_scalar": 224})"),
             Contains("224"));
  CHECK_THAT(warnings(R"({"architectures": ["Gemma2ForCausalLM"], "attn_logit_softcapping": null})"),
             Contains("takes 50"));
}
