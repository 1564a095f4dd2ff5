// Rotary scaling between the dialects: written, or said to be lost.
#include "model/tiny_model.hpp"

#include <polyquant/base/file.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <fstream>

using namespace pq;

namespace {

bool warns(const ModelView& view, const std::string& text) {
  return std::any_of(view.warnings.begin(), view.warnings.end(),
                     [&](const std::string& warning) { return warning.find(text) != std::string::npos; });
}

bool has_tensor(const ModelView& view, const std::string& name) {
  return std::any_of(view.tensors.begin(), view.tensors.end(),
                     [&](const ViewTensor& tensor) { return tensor.name == name; });
}

std::shared_ptr<const ModelView> with_keys(const std::string& name, const Json& keys) {
  const tiny::Copy copy(name);
  Json config = parse_json(read_text_file(copy.path() / "config.json", 1 << 20), "config.json");
  for (const auto& [key, value] : keys.object()) config.set(key, value);
  std::ofstream(copy.path() / "config.json") << to_json(config);
  return make_view(tiny::open_folder(copy.path()), copy.path(), Dialect::gguf, tiny::options(name));
}

std::shared_ptr<const ModelView> with_scaling(const std::string& name, const char* scaling) {
  Json keys;
  keys.set("rope_parameters", Json());
  keys.set("rope_scaling", parse_json(scaling, "test"));
  return with_keys(name, keys);
}

// Without gpt2 and mpt, which rotate nothing.
std::vector<std::string> rotating() {
  std::vector<std::string> names;
  for (const std::string& name : tiny::checkpoints())
    if (name != "gpt2" && name != "mpt") names.push_back(name);
  return names;
}

std::shared_ptr<const ModelView> back(const std::string& name,
                                      std::vector<std::pair<std::string, MetaValue>> keys) {
  auto model = tiny::written(*tiny::gguf_view_of(name), "bf16");
  for (auto& [key, value] : keys) model.header.metadata.set(key, std::move(value));
  return make_view(tiny::open_memory(std::move(model)), "tiny.gguf", Dialect::huggingface, {});
}

}  // namespace

TEST_CASE("rope scaling: llama3 is written as factors or said to be lost, in every family", "[model]") {
  const std::string name = GENERATE(from_range(rotating()));
  INFO(name);
  const auto view = with_scaling(
      name, R"({"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                "original_max_position_embeddings": 64, "rope_theta": 10000.0})");
  CHECK(has_tensor(*view, "rope_freqs.weight") != warns(*view, "'llama3'"));
}

TEST_CASE("rope scaling: Mistral writes the factors of llama3, as the real converter does", "[model]") {
  const auto view =
      with_scaling("mistral", R"({"rope_type": "llama3", "factor": 8.0, "rope_theta": 10000.0})");
  CHECK(has_tensor(*view, "rope_freqs.weight"));
}

TEST_CASE("rope scaling: longrope without its factors is said to be lost, and no type is written",
          "[model]") {
  const std::string name = GENERATE(from_range(rotating()));
  if (name.starts_with("phi3")) return;  // writes them
  INFO(name);
  const auto view = with_scaling(
      name, R"({"rope_type": "longrope", "factor": 4.0, "long_factor": [1.0], "short_factor": [1.0],
                             "original_max_position_embeddings": 64, "rope_theta": 10000.0})");
  CHECK(warns(*view, "'longrope'"));
  const std::string architecture = view->metadata.string("general.architecture", "");
  CHECK(view->metadata.string(architecture + ".rope.scaling.type", "none") == "none");
}

TEST_CASE("rope scaling: a Gemma 3 with other full layers than every sixth is warned of", "[model]") {
  const Json config = tiny::config("gemma3");
  Json::Array types;
  for (std::int64_t i = 0; i < config.find("num_hidden_layers")->integer(); ++i)
    types.emplace_back("sliding_attention");
  Json keys;
  keys.set("layer_types", Json(types));
  CHECK(warns(*with_keys("gemma3", keys), "llama.cpp takes every sixth layer"));
  CHECK_FALSE(warns(*tiny::gguf_view_of("gemma3"), "llama.cpp takes every sixth layer"));
}

TEST_CASE("rope scaling: what config.json has no form for is said to be lost on the way back", "[model]") {
  CHECK(warns(*back("llama", {{"llama.rope.scaling.type", std::string("longrope")}}), "'longrope'"));
  CHECK(warns(*back("deepseek-v2", {{"deepseek2.rope.scaling.type", std::string("linear")},
                                    {"deepseek2.rope.scaling.factor", 4.0f}}),
              "linear rotary scaling by 4"));
  CHECK(warns(*back("llama-llama3", {{"llama.rope.scaling.type", std::string("linear")},
                                     {"llama.rope.scaling.factor", 2.0f}}),
              "rope_freqs.weight"));
  CHECK_FALSE(warns(*back("llama-linear", {}), "left out"));
  CHECK_FALSE(warns(*back("llama-llama3", {}), "left out"));
  CHECK_FALSE(warns(*back("llama-yarn", {}), "left out"));
}

TEST_CASE("rope scaling: the old key of linear scaling comes back as llama.cpp reads it", "[model]") {
  const auto view = back("llama", {{"llama.rope.scale_linear", 4.0f}});
  const Json config = tiny::side_file(*view, "config.json");
  REQUIRE(config.find("rope_scaling") != nullptr);
  CHECK(*config.find_path("rope_scaling.rope_type") == Json("linear"));
  CHECK(config.find_path("rope_scaling.factor")->number() == 4.0);
}
