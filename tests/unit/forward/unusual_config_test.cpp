// What families compute where their config.json says something that the checkpoints of tests/golden do not.
#include "forward/tiny_forward.hpp"
#include "model/tiny_model.hpp"

#include <polyquant/base/error.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <fstream>
#include <utility>

using namespace pq;
using Catch::Contains;

namespace {

constexpr float kSumOrder = 1e-5f;  // of the largest logit: the same products in another order

using Keys = std::vector<std::pair<std::string, Json>>;

class Model {
 public:
  Model(const std::string& name, const Keys& keys)
      : copy_(name), tokens_(tiny::expected_logits(name).tokens) {
    Json config = tiny::config(name);
    for (const auto& [key, value] : keys) config.set(key, value);
    std::ofstream(copy_.path() / "config.json") << to_json(config);
    source_ = tiny::open_folder(copy_.path());
  }
  /// A head with the rows of the embedding from the last to the first.
  void add_reversed_head() {
    tiny::MemoryModel model;
    model.header = source_->header();
    std::vector<std::byte> scratch;
    for (std::size_t i = 0; i < source_->header().tensors.size(); ++i) {
      const Bytes bytes = source_->rows(i, 0, rows(source_->header().tensors[i].shape), scratch);
      model.data.emplace_back(bytes.begin(), bytes.end());
      if (source_->header().tensors[i].name == "model.embed_tokens.weight") embedding_ = i;
    }
    TensorInfo head = source_->header().tensors[embedding_];
    head.name = "lm_head.weight";
    const std::vector<std::byte>& from = model.data[embedding_];
    const auto row = static_cast<std::ptrdiff_t>(head.row_bytes);
    std::vector<std::byte> reversed;
    for (auto end = from.end(); end != from.begin(); end -= row)
      reversed.insert(reversed.end(), end - row, end);
    model.header.tensors.push_back(std::move(head));
    model.data.push_back(std::move(reversed));
    source_ = tiny::open_memory(std::move(model));
  }
  std::vector<float> logits() { return tiny::Runner(source_, copy_.path()).logits({tokens_}); }
  void bind() { ForwardModel({nullptr, source_}, copy_.path()); }
  std::size_t tokens() const { return tokens_.size(); }

 private:
  tiny::Copy copy_;
  std::vector<std::int32_t> tokens_;
  std::shared_ptr<const ModelReader> source_;
  std::size_t embedding_ = 0;
};

}  // namespace

// GemmaConfig of transformers: "a legacy value of the official releases"; hidden_activation is no key of the class any more.
TEST_CASE("gemma: the activation 'gelu' is its tanh form", "[forward]") {
  const auto plain = Model("gemma", {}).logits();
  CHECK(Model("gemma", {{"hidden_act", Json("gelu")}}).logits() == plain);
  CHECK(Model("gemma", {{"hidden_activation", Json("silu")}}).logits() == plain);
  CHECK(Model("gemma", {{"hidden_act", Json("silu")}}).logits() != plain);
}

// transformers 5 ties nothing if both are stored and differ (PreTrainedModel.tie_weights); llama.cpp takes output.weight if it is there.
TEST_CASE("forward: a head that is stored is computed with, whether it is said to be tied or not",
          "[forward]") {
  const std::string name = GENERATE("gemma", "gemma2", "gemma3", "qwen2", "cohere");
  const bool is_tied = GENERATE(false, true);
  INFO(name << " " << is_tied);
  std::vector<float> expected = Model(name, {}).logits();
  Model model(name, {{"tie_word_embeddings", Json(is_tied)}});
  const auto width = static_cast<std::ptrdiff_t>(expected.size() / model.tokens());
  for (auto row = expected.begin(); row != expected.end(); row += width) std::reverse(row, row + width);
  model.add_reversed_head();
  CHECK(tiny::difference(model.logits(), expected) <= kSumOrder * tiny::expected_logits(name).largest);
}

TEST_CASE("gemma: a model in which tokens see later ones is refused", "[forward]") {
  const std::string name = GENERATE("gemma", "gemma2", "gemma3");
  INFO(name);
  CHECK_THROWS_WITH(Model(name, {{"use_bidirectional_attention", Json(true)}}).bind(),
                    Contains("use_bidirectional_attention"));
}

// Qwen2MoeConfig: every second layer below max_window_layers. SmolLM3Config: the layers without rotary embedding.
TEST_CASE("windows: which layers have one without layer_types", "[forward]") {
  const auto [name, windows] = GENERATE(table<std::string, std::size_t>({{"qwen2moe", 0}, {"smollm3", 3}}));
  INFO(name);
  const Json config = tiny::config(name);
  const auto layers = static_cast<std::size_t>(config.find("num_hidden_layers")->integer());
  REQUIRE(layers > windows);
  const auto with = [&, model = name](Json types) {
    return Model(model, {{"use_sliding_window", Json(true)},
                         {"sliding_window", Json(4)},
                         {"max_window_layers", Json(1)},
                         {"layer_types", std::move(types)}})
        .logits();
  };
  std::vector<Json> first(layers, Json("full_attention"));
  const auto full = with(Json(first));
  first[windows] = Json("sliding_attention");
  const auto windowed = with(Json(first));
  CHECK(windowed != full);
  CHECK(with(Json()) == windowed);
}

// AutoModel of transformers makes a Ministral of such a config.json.
TEST_CASE("mistral: with layer_types only the layers that they name have the window", "[forward]") {
  const Json full("full_attention"), window("sliding_attention"), size(3);
  const auto with = [&](std::vector<Json> types) {
    return Model("mistral", {{"sliding_window", size}, {"layer_types", Json(std::move(types))}}).logits();
  };
  CHECK(with({full, full}) == Model("mistral", {{"sliding_window", Json()}}).logits());
  CHECK(with({window, window}) == Model("mistral", {{"sliding_window", size}}).logits());
  CHECK(with({full, window}) != with({window, window}));
  CHECK(with({full, window}) != with({full, full}));
}

TEST_CASE("forward: partial_rotary_factor means nothing to classes that do not have it", "[forward]") {
  const std::string name = GENERATE("qwen3", "granite", "smollm3");
  INFO(name);
  CHECK(Model(name, {{"partial_rotary_factor", Json(0.5)}}).logits() == Model(name, {}).logits());
}

TEST_CASE("forward: a head that is missing though it is not tied is an error, not the embedding",
          "[forward]") {
  const std::string name = GENERATE("qwen2", "gemma", "cohere");
  INFO(name);
  CHECK_THROWS_WITH(Model(name, {{"tie_word_embeddings", Json(false)}}).bind(),
                    Contains("'lm_head.weight' is missing"));
}
