// config.json after HF -> GGUF -> HF means the same as before, or a warning has said what is lost.
#include "model/family.hpp"
#include "model/scope.hpp"
#include "model/tiny_model.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <map>
#include <set>

using namespace pq;

namespace {

// Keys that do not change what the model computes: training, bookkeeping, and the spelling of what `kMeanings` compares.
const std::set<std::string> kNoMeaning = {"transformers_version",
                                          "torch_dtype",
                                          "dtype",
                                          "use_cache",
                                          "initializer_range",
                                          "attention_dropout",
                                          "hidden_dropout",
                                          "embd_pdrop",
                                          "resid_pdrop",
                                          "attn_pdrop",
                                          "embedding_dropout",
                                          "residual_dropout",
                                          "router_aux_loss_coef",
                                          "aux_loss_alpha",
                                          "seq_aux",
                                          "router_jitter_noise",
                                          "output_router_logits",
                                          "classifier_dropout",
                                          "summary_activation",
                                          "summary_first_dropout",
                                          "summary_proj_to_labels",
                                          "summary_type",
                                          "summary_use_proj",
                                          "pretraining_tp",
                                          "num_nextn_predict_layers",  // such layers are left out
                                          "id2label",
                                          "label2id",
                                          "return_dict",
                                          "rope_parameters",
                                          "rope_scaling",
                                          "rope_theta",
                                          "rope_local_base_freq",
                                          "partial_rotary_factor",
                                          "num_local_experts",
                                          "num_experts",
                                          "bos_token_id",
                                          "eos_token_id",
                                          "pad_token_id"};

// What the families read from many spellings.
constexpr const char* kMeanings[] = {"layers",
                                     "hidden",
                                     "context",
                                     "heads",
                                     "kv_heads",
                                     "head_dim",
                                     "feed_forward",
                                     "experts",
                                     "experts_used",
                                     "rms_eps",
                                     "layer_eps",
                                     "rope_type",
                                     "rope_factor",
                                     "rope_base",
                                     "rope_base_swa",
                                     "rope_original_context",
                                     "rope.low_freq_factor",
                                     "rope.high_freq_factor",
                                     "rope.truncate",
                                     "rope.long_factor",
                                     "rope.short_factor",
                                     "rope.mscale_all_dim"};

// What GGUF cannot say: `note` in gguf.json tells why. Mistral comes back as a Llama.
const std::map<std::string, std::vector<std::string>> kLost = {
    {"llama-dynamic", {"rope_type", "rope_factor"}},
    {"mistral", {"architectures", "model_type", "sliding_window"}},
    {"gemma2-scalar", {"query_pre_attn_scalar"}}};

bool same(const Json& a, const Json& b) {
  if (a.is_number() && b.is_number()) return Approx(a.number()).epsilon(1e-6) == b.number();
  if (a.is_array() && b.is_array())
    return std::equal(a.array().begin(), a.array().end(), b.array().begin(), b.array().end(), same);
  if (a.is_object() && b.is_object())
    return std::all_of(a.object().begin(), a.object().end(), [&](const auto& member) {
      const Json* other = b.find(member.first);
      return kNoMeaning.contains(member.first) || same(member.second, other == nullptr ? Json() : *other);
    });
  return a == b || (!is_true(a) && !is_true(b));  // null, false, 0 and absent switch the same things off
}

ConfigScope scope_of(const Family& family, const Json& config) {
  return ConfigScope(&family.let, config, family.defaults, "config.json");
}

std::vector<std::string> differences(const Json& before, const Json& after) {
  const Family& family = *find_family(installed_families(), before);
  const Family& other = *find_family(installed_families(), after);
  const ConfigScope old_scope = scope_of(family, before), new_scope = scope_of(other, after);
  std::vector<std::string> found;
  for (const auto& [key, value] : before.object())
    if (!kNoMeaning.contains(key) && !same(value, new_scope.call("key", {Json(key)}))) found.push_back(key);
  for (const char* name : kMeanings)
    if (!same(old_scope.lookup(name), new_scope.lookup(name))) found.emplace_back(name);
  return found;
}

}  // namespace

TEST_CASE("hugging face view: config.json means what it meant, or a warning was given",
          "[model][roundtrip]") {
  const std::string name = GENERATE(from_range(tiny::checkpoints()));
  const auto gguf = tiny::gguf_view_of(name);
  const auto back =
      make_view(tiny::open_memory(tiny::written(*gguf, "bf16")), "tiny.gguf", Dialect::huggingface, {});
  const Json before = tiny::config(name), after = tiny::side_file(*back, "config.json");
  REQUIRE(after.is_object());
  const auto lost = differences(before, after);
  INFO(name << " comes back as " << to_json(after));
  const auto known = kLost.find(name);
  CHECK(lost == (known == kLost.end() ? std::vector<std::string>() : known->second));
  CHECK((lost.empty() || !gguf->warnings.empty()));
  // Of token ids GGUF has those of the tokenizer's files, which come before config.json.
  for (const auto& [key, kind] :
       {std::pair{"bos_token_id", "bos"}, {"eos_token_id", "eos"}, {"pad_token_id", "padding"}}) {
    const std::int64_t id = gguf->metadata.integer("tokenizer.ggml." + std::string(kind) + "_token_id", -1);
    const Json* found = after.find(key);
    CHECK((found == nullptr || found->is_null() ? -1 : found->integer()) == id);
  }
}

TEST_CASE("gguf view: where llama.cpp computes something else, there is a warning", "[model][golden]") {
  const std::string name = GENERATE(from_range(tiny::checkpoints()));
  INFO(name);
  const Json* agrees = tiny::golden(name).find_path("llama_cpp.agrees");
  const bool differs = agrees == nullptr || !is_true(*agrees);
  CHECK((!differs || !tiny::gguf_view_of(name)->warnings.empty()));
}
