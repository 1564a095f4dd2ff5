// Broken configs of every kind of architecture: each key of config.json is spoiled in every way, and the answer is a conversion or one sentence
// that names the file and the key (or the tensor that contradicts it).
#include "model/tiny_model.hpp"

#include <polyquant/base/error.hpp>

#include <catch2/catch.hpp>

#include <fstream>

using namespace pq;
using Catch::Matchers::Contains;

namespace {

// Dense, fused, transposed, grouped, latent attention, experts of all kinds, positions and ALiBi.
const std::vector<std::string> kKinds = {
    "llama-llama3", "gemma3",      "phi3-longrope-short", "mixtral-4", "qwen3moe", "starcoder2", "cohere2",
    "gpt-oss",      "deepseek-v2", "deepseek-v3",         "gpt2",      "gpt-neox", "falcon-40b", "mpt",
    "stablelm",     "granitemoe"};

// A checkpoint whose config.json is written anew for every case.
class Spoiled {
 public:
  explicit Spoiled(const std::string& name)
      : copy_(name),
        options_(tiny::options(name)),
        config_(tiny::config(name)),
        reader_(tiny::open_folder(copy_.path())) {}

  const Json& config() const { return config_; }

  /// The error of a conversion with this config; "" if there is none. Other exceptions than FormatError fail the test.
  std::string error(const Json& config) const {
    std::ofstream(copy_.path() / "config.json", std::ios::binary) << to_json(config);
    try {
      make_view(reader_, copy_.path(), Dialect::gguf, options_);
    } catch (const FormatError& error) {
      return error.what();
    }
    return "";
  }

  std::string with(const std::string& key, Json value) const {
    Json config = config_;
    config.set(key, std::move(value));
    return error(config);
  }

  std::string without(const std::string& key) const {
    Json config = config_;
    auto& members = config.object();
    std::erase_if(members, [&](const auto& member) { return member.first == key; });
    return error(config);
  }

 private:
  tiny::Copy copy_;
  ViewOptions options_;
  Json config_;
  std::shared_ptr<const ModelReader> reader_;
};

bool is_one_sentence(const std::string& message) {
  return message.find('\n') == std::string::npos && message.size() < 1000 &&
         message.find("config.json") != std::string::npos;
}

bool names(const std::string& message, const std::string& key) {
  return message.find(key) != std::string::npos || message.find("tensor '") != std::string::npos;
}

// Keys that decide the shapes of some tensor in the checkpoints that have them.
const std::vector<std::string> kSizes = {"hidden_size",
                                         "intermediate_size",
                                         "num_hidden_layers",
                                         "num_attention_heads",
                                         "vocab_size",
                                         "num_local_experts",
                                         "n_routed_experts",
                                         "q_lora_rank",
                                         "kv_lora_rank",
                                         "v_head_dim",
                                         "qk_nope_head_dim",
                                         "qk_rope_head_dim",
                                         "n_embd",
                                         "n_layer",
                                         "n_head",
                                         "n_positions",
                                         "d_model",
                                         "n_heads",
                                         "n_layers",
                                         "expansion_ratio",
                                         "moe_intermediate_size"};

// Keys on which no shape of this checkpoint depends: any value is another model.
bool is_free(const std::string& name, const std::string& key) {
  if (name == "qwen3moe") return key == "intermediate_size";  // all layers have experts
  const bool is_fused = name == "gpt2" || name == "gpt-neox" || name == "mpt";
  return is_fused && (key == "n_head" || key == "n_heads" || key == "num_attention_heads");
}

}  // namespace

TEST_CASE("broken architecture: a key of a wrong kind is named with its file", "[model]") {
  const std::string name = GENERATE(from_range(kKinds));
  const Spoiled model(name);
  REQUIRE(model.error(model.config()).empty());
  for (const auto& [key, value] : model.config().object()) {
    if (value.is_null()) continue;
    for (const Json& wrong : {Json("many"), Json(Json::Array{Json(1), Json("x")}), Json(Json::Object{})}) {
      if (wrong.kind_name() == value.kind_name()) continue;
      const std::string message = model.with(key, wrong);
      INFO(name << ": " << key << " = " << to_json(wrong, -1) << ": " << message);
      CHECK((message.empty() || (is_one_sentence(message) && message.find(key) != std::string::npos)));
    }
  }
}

TEST_CASE("broken architecture: sizes that are no sizes are refused with the key", "[model]") {
  const std::string name = GENERATE(from_range(kKinds));
  const Spoiled model(name);
  for (const std::string& key : kSizes) {
    if (model.config().find(key) == nullptr) continue;
    for (const Json& wrong : {Json("64"), Json(true), Json(-1), Json(0), Json(std::int64_t{1} << 40),
                              Json(INT64_MAX), Json(INT64_MIN), Json(1e300), Json(1.5)}) {
      const std::string message = model.with(key, wrong);
      INFO(name << ": " << key << " = " << to_json(wrong, -1) << ": " << message);
      if (message.empty() && is_free(name, key)) continue;
      CHECK(is_one_sentence(message));
      CHECK(message.find(key) != std::string::npos);
    }
  }
}

TEST_CASE("broken architecture: sizes that contradict the tensors are refused with the tensor", "[model]") {
  const std::string name = GENERATE(from_range(kKinds));
  const Spoiled model(name);
  for (const std::string& key : kSizes) {
    const Json* value = model.config().find(key);
    if (value == nullptr || !value->is_integer()) continue;
    for (const std::int64_t wrong : {value->integer() + 2, 2 * value->integer()}) {
      const std::string message = model.with(key, Json(wrong));
      INFO(name << ": " << key << " = " << wrong << ": " << message);
      if (message.empty() && is_free(name, key)) continue;
      CHECK(is_one_sentence(message));
      CHECK(names(message, key));
    }
  }
}

TEST_CASE("broken architecture: every key may be missing or null without a crash", "[model]") {
  const std::string name = GENERATE(from_range(kKinds));
  const Spoiled model(name);
  for (const auto& [key, value] : model.config().object()) {
    for (const std::string& message : {model.without(key), model.with(key, Json())}) {
      INFO(name << ": without " << key << ": " << message);
      CHECK((message.empty() || is_one_sentence(message)));
    }
  }
}

TEST_CASE("broken architecture: numbers of every size in every key are converted or refused", "[model]") {
  const std::string name = GENERATE(from_range(kKinds));
  const Spoiled model(name);
  for (const auto& [key, value] : model.config().object()) {
    if (!value.is_number()) continue;
    for (const Json& wrong :
         {Json(-1), Json(0), Json(INT64_MAX), Json(INT64_MIN), Json(-1e308), Json(1e308)}) {
      const std::string message = model.with(key, wrong);
      INFO(name << ": " << key << " = " << to_json(wrong, -1) << ": " << message);
      CHECK((message.empty() || (is_one_sentence(message) && names(message, key))));
    }
  }
}

TEST_CASE("broken architecture: spoiled members of nested maps are refused or ignored", "[model]") {
  const std::string name = GENERATE(from_range(kKinds));
  const Spoiled model(name);
  for (const auto& [key, map] : model.config().object()) {
    if (!map.is_object()) continue;
    for (const auto& member : map.object()) {
      for (const Json& wrong : {Json("many"), Json(Json::Array{Json("x")}), Json(-1), Json(1e308)}) {
        Json spoiled = map;
        spoiled.set(member.first, wrong);
        const std::string message = model.with(key, std::move(spoiled));
        INFO(name << ": " << key << "." << member.first << " = " << to_json(wrong, -1) << ": " << message);
        CHECK((message.empty() || (is_one_sentence(message) && names(message, member.first))));
      }
    }
  }
}

TEST_CASE("broken architecture: contradictions inside config.json are refused", "[model]") {
  const auto message = [](const std::string& name, const std::string& key, const Json& value) {
    return Spoiled(name).with(key, value);
  };
  CHECK_THAT(message("gpt-oss", "num_experts_per_tok", Json(9)), Contains("config.json") && Contains("9"));
  CHECK_THAT(message("mixtral-4", "num_experts_per_tok", Json(5)), Contains("config.json") && Contains("4"));
  CHECK_THAT(message("llama-llama3", "num_key_value_heads", Json(3)),
             Contains("config.json") && Contains("3"));
  CHECK_THAT(message("falcon-40b", "num_kv_heads", Json(3)), Contains("config.json") && Contains("3"));
  CHECK_THAT(message("falcon-7b", "alibi", Json(true)), Contains("config.json") && Contains("alibi"));
  CHECK_THAT(message("phi3", "rope_scaling", Json(Json::Object{{"type", Json("longrope")}})),
             Contains("config.json") && Contains("long_factor"));
  const Json short_lists(Json::Object{{"type", Json("su")},
                                      {"long_factor", Json(Json::Array{Json(1.0)})},
                                      {"short_factor", Json(Json::Array{Json(1.0)})}});
  CHECK_THAT(message("phi3", "rope_scaling", short_lists), Contains("config.json") && Contains("16"));
  for (const char* name : {"gpt-oss", "deepseek-v2", "gpt-neox", "falcon-7b", "cohere"})
    CHECK_THAT(message(name, "rope_scaling", Json(Json::Object{{"rope_type", Json("spiral")}})),
               Contains("config.json") && Contains("spiral") && Contains("yarn"));
}
