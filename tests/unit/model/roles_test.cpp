// Roles of tensors, which rules and recipes match, in every form of a model: folder, GGUF view, GGUF file, and the folder made of it.
#include "model/gguf_names.hpp"
#include "model/tiny_model.hpp"

#include <catch2/catch.hpp>

#include <map>

using namespace pq;

namespace {

// Of layer 1 (layer 0 of DeepSeek has no experts), under the names of transformers.
using Roles = std::map<std::string, std::string>;
const std::map<std::string, Roles> kRoles = {
    {"phi3",
     {{"model.embed_tokens.weight", "embedding"},
      {"lm_head.weight", "output"},
      {"model.norm.weight", "norm"},
      {"model.layers.1.self_attn.qkv_proj.weight", "attention_qkv"},
      {"model.layers.1.self_attn.o_proj.weight", "attention_output"},
      {"model.layers.1.mlp.gate_up_proj.weight", "ffn_up"},
      {"model.layers.1.mlp.down_proj.weight", "ffn_down"},
      {"model.layers.1.post_attention_layernorm.weight", "norm"}}},
    {"starcoder2",
     {{"model.layers.1.self_attn.q_proj.weight", "attention_q"},
      {"model.layers.1.self_attn.k_proj.weight", "attention_k"},
      {"model.layers.1.self_attn.v_proj.weight", "attention_v"},
      {"model.layers.1.self_attn.v_proj.bias", "bias"},
      {"model.layers.1.input_layernorm.bias", "bias"},
      {"model.layers.1.mlp.c_fc.weight", "ffn_up"},
      {"model.layers.1.mlp.c_proj.weight", "ffn_down"}}},
    {"cohere2",
     {{"model.embed_tokens.weight", "embedding"},
      {"model.layers.1.mlp.gate_proj.weight", "ffn_gate"},
      {"model.layers.1.mlp.up_proj.weight", "ffn_up"},
      {"model.layers.1.self_attn.o_proj.weight", "attention_output"}}},
    {"gpt-oss",
     {{"model.layers.1.mlp.router.weight", "router"},
      {"model.layers.1.mlp.router.bias", "bias"},
      {"model.layers.1.self_attn.sinks", "attention_sinks"},
      {"model.layers.1.mlp.experts.gate_up_proj", "ffn_gate"},
      {"model.layers.1.mlp.experts.gate_up_proj_bias", "bias"},
      {"model.layers.1.mlp.experts.down_proj", "ffn_down"},
      {"model.layers.1.mlp.experts.down_proj_bias", "bias"},
      {"model.layers.1.post_attention_layernorm.weight", "norm"}}},
    {"deepseek-v3",
     {{"model.layers.1.self_attn.q_a_proj.weight", "attention_q_a"},
      {"model.layers.1.self_attn.q_a_layernorm.weight", "norm"},
      {"model.layers.1.self_attn.q_b_proj.weight", "attention_q_b"},
      {"model.layers.1.self_attn.kv_a_proj_with_mqa.weight", "attention_kv_a"},
      {"model.layers.1.self_attn.kv_b_proj.weight", "attention_k_b"},
      {"model.layers.1.self_attn.o_proj.weight", "attention_output"},
      {"model.layers.1.mlp.gate.weight", "router"},
      {"model.layers.1.mlp.gate.e_score_correction_bias", "bias"},
      {"model.layers.1.mlp.experts.3.gate_proj.weight", "ffn_gate"},
      {"model.layers.1.mlp.experts.7.down_proj.weight", "ffn_down"},
      {"model.layers.1.mlp.shared_experts.up_proj.weight", "ffn_up"},
      {"model.layers.0.mlp.up_proj.weight", "ffn_up"}}},
    {"gpt2",
     {{"transformer.wte.weight", "embedding"},
      {"transformer.wpe.weight", "position_embedding"},
      {"transformer.h.1.attn.c_attn.weight", "attention_qkv"},
      {"transformer.h.1.attn.c_proj.weight", "attention_output"},
      {"transformer.h.1.mlp.c_fc.weight", "ffn_up"},
      {"transformer.h.1.mlp.c_proj.weight", "ffn_down"},
      {"transformer.ln_f.weight", "norm"}}},
    {"gpt-neox",
     {{"gpt_neox.embed_in.weight", "embedding"},
      {"embed_out.weight", "output"},
      {"gpt_neox.layers.1.attention.query_key_value.weight", "attention_qkv"},
      {"gpt_neox.layers.1.attention.dense.weight", "attention_output"},
      {"gpt_neox.layers.1.mlp.dense_h_to_4h.weight", "ffn_up"},
      {"gpt_neox.layers.1.mlp.dense_4h_to_h.weight", "ffn_down"}}},
    {"falcon-40b",
     {{"transformer.word_embeddings.weight", "embedding"},
      {"transformer.h.1.ln_attn.weight", "norm"},
      {"transformer.h.1.ln_mlp.weight", "norm"},
      {"transformer.h.1.self_attention.query_key_value.weight", "attention_qkv"},
      {"transformer.h.1.self_attention.dense.weight", "attention_output"}}},
    {"mpt",
     {{"transformer.blocks.1.attn.Wqkv.weight", "attention_qkv"},
      {"transformer.blocks.1.attn.out_proj.weight", "attention_output"},
      {"transformer.blocks.1.ffn.up_proj.weight", "ffn_up"},
      {"transformer.blocks.1.norm_2.weight", "norm"}}},
};

void check(const ModelView& view, const std::string& name, const std::string& role) {
  for (const ViewTensor& tensor : view.tensors) {
    if (tensor.name != name && tensor.source_name != name) continue;
    INFO(name << " as " << tensor.name);
    CHECK(tensor.role == role);
    CHECK(tensor.layer == (name.find(".1.") != std::string::npos   ? 1
                           : name.find(".0.") != std::string::npos ? 0
                                                                   : -1));
    CHECK(tensor.is_expert == (name.find(".experts.") != std::string::npos));
    return;
  }
  FAIL(name << " is not there");
}

}  // namespace

TEST_CASE("roles: those of every family are known in folders and in what becomes of GGUF files", "[model]") {
  const auto& [model, roles] = GENERATE(from_range(kRoles));
  const auto folder =
      make_view(tiny::open_folder(tiny::folder(model)), tiny::folder(model), Dialect::huggingface, {});
  const auto gguf = tiny::gguf_view_of(model);
  const auto back =
      make_view(tiny::open_memory(tiny::written(*gguf, "bf16")), "x.gguf", Dialect::huggingface, {});
  for (const auto& [name, role] : roles) {
    check(*folder, name, role);
    check(*back, name, role);
  }
}

TEST_CASE("roles: a GGUF file has the roles of the view that it was written from", "[model]") {
  const auto& [model, roles] = GENERATE(from_range(kRoles));
  INFO(model);
  const auto gguf = tiny::gguf_view_of(model);
  const auto file = make_view(tiny::open_memory(tiny::written(*gguf, "bf16")), "x.gguf", Dialect::gguf, {});
  REQUIRE(file->tensors.size() == gguf->tensors.size());
  for (std::size_t i = 0; i < file->tensors.size(); ++i) {
    INFO(gguf->tensors[i].name);
    CHECK(file->tensors[i].role == gguf->tensors[i].role);
    CHECK(file->tensors[i].layer == gguf->tensors[i].layer);
    CHECK(file->tensors[i].is_expert == gguf->tensors[i].is_expert);
    CHECK(file->tensors[i].keep_f32 == gguf->tensors[i].keep_f32);
  }
}

TEST_CASE("roles: the two parts of latent attention's wide matrix have their own in GGUF", "[model]") {
  for (const ViewTensor& tensor : tiny::gguf_view_of("deepseek-v3")->tensors) {
    if (tensor.name == "blk.1.attn_k_b.weight") CHECK(tensor.role == "attention_k_b");
    if (tensor.name == "blk.1.attn_v_b.weight") CHECK(tensor.role == "attention_v_b");
    if (tensor.name == "blk.1.exp_probs_b.bias") CHECK(tensor.keep_f32);
    if (tensor.name == "blk.1.ffn_up_exps.weight") CHECK(tensor.is_expert);
    if (tensor.name == "blk.1.ffn_up_shexp.weight") CHECK_FALSE(tensor.is_expert);
  }
}
