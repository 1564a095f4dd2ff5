// How a model is run: threads, batches, sites, and what is refused.
#include "calibration/measure.hpp"
#include "calibration/site_sums.hpp"
#include "forward/tiny_forward.hpp"
#include "model/tiny_model.hpp"

#include <polyquant/base/error.hpp>

#include <catch2/catch.hpp>

#include <fstream>

using namespace pq;
using Catch::Matchers::Contains;

namespace {

std::vector<std::vector<std::int32_t>> three_texts(const tiny::Expected& expected) {
  const auto& all = expected.tokens;
  return {all, {all.begin(), all.begin() + 11}, {all.begin() + 5, all.begin() + 30}};
}

std::string error_of(const tiny::Copy& copy) {
  try {
    ForwardModel({nullptr, tiny::open_folder(copy.path())}, copy.path());
  } catch (const FormatError& error) {
    return error.what();
  }
  return "";
}

// Names and columns of sites, and how often and with how many rows each was seen.
class Seen final : public Observer {
 public:
  void at_site(const Site& site, const Batch& batch, const DeviceMatrix& inputs) override {
    ++calls;
    CHECK(inputs.cols() == site.cols);
    if (site.expert < 0 && site.name != "head_in") CHECK(inputs.rows() == batch.rows());
    if (site.expert >= 0 && site.name == "expert_in") expert_rows += inputs.rows();
  }
  int calls = 0;
  std::int64_t expert_rows = 0;
};

// The stored weights, all multiplied by a factor.
class Scaled final : public WeightSource {
 public:
  explicit Scaled(const WeightSource& source) : source_(source) {}
  const ModelView& view() const override { return source_.view(); }
  void read(std::size_t tensor, std::int64_t first, Matrix out,
            std::vector<std::byte>& scratch) const override {
    source_.read(tensor, first, out, scratch);
    for (std::int64_t r = 0; r < out.rows; ++r)
      for (float& weight : out.row(r)) weight *= factor;
  }
  float factor = 1;

 private:
  const WeightSource& source_;
};

// The head's matrix cannot be read.
class WithoutHead final : public WeightSource {
 public:
  explicit WithoutHead(const WeightSource& source) : source_(source) {}
  const ModelView& view() const override { return source_.view(); }
  void read(std::size_t tensor, std::int64_t first, Matrix out,
            std::vector<std::byte>& scratch) const override {
    if (view().tensors[tensor].name == "lm_head.weight") throw std::runtime_error("the head was read");
    source_.read(tensor, first, out, scratch);
  }

 private:
  const WeightSource& source_;
};

}  // namespace

TEST_CASE("forward: the same bytes for any number of threads", "[forward]") {
  const std::string name = GENERATE("llama", "gemma2", "qwen3moe", "deepseek-v3", "mpt");
  INFO(name);
  const auto texts = three_texts(tiny::expected_logits(name));
  const auto with_threads = [&](int threads) {  // one after the other: pools limit each other
    return tiny::Runner(tiny::open_folder(tiny::folder(name)), tiny::folder(name), threads).logits(texts);
  };
  CHECK(with_threads(1) == with_threads(3));
}

TEST_CASE("forward: a text has the logits that it has alone, whatever runs beside it", "[forward]") {
  const std::string name = GENERATE("gemma3", "phi3-longrope-long", "llama-dynamic", "mixtral-8", "gpt2");
  INFO(name);
  const tiny::Expected expected = tiny::expected_logits(name);
  tiny::Runner runner(tiny::open_folder(tiny::folder(name)), tiny::folder(name));
  const auto texts = three_texts(expected);
  const std::vector<float> together = runner.logits(texts);
  std::vector<float> alone;
  for (const auto& text : texts) {
    const std::vector<float> part = runner.logits({text});
    alone.insert(alone.end(), part.begin(), part.end());
  }
  CHECK(tiny::difference(together, alone) <= 1e-5f * expected.largest);
  CHECK(tiny::difference(runner.logits(texts, nullptr, 41), alone) <= 1e-5f * expected.largest);
}

TEST_CASE("forward: --last gives the last row of each text", "[forward]") {
  const tiny::Expected expected = tiny::expected_logits("llama");
  tiny::Runner runner(tiny::open_folder(tiny::folder("llama")), tiny::folder("llama"));
  const auto vocabulary = static_cast<std::size_t>(expected.vocabulary);
  const std::vector<float> all = runner.logits({expected.tokens});
  const std::vector<float> last = runner.logits({expected.tokens}, nullptr, 4096, true);
  REQUIRE(last.size() == vocabulary);
  CHECK(tiny::difference(last, {all.end() - static_cast<std::ptrdiff_t>(vocabulary), all.end()}) < 1e-5f);
}

TEST_CASE("forward: a Llama layer has four sites, whose readers are its matrices", "[forward]") {
  tiny::Runner runner(tiny::open_folder(tiny::folder("llama")), tiny::folder("llama"));
  const ForwardModel& model = runner.model();
  std::vector<std::string> sites;
  for (const auto& site : model.sites()) {
    std::string line = std::to_string(site->layer) + " " + site->name + ":";
    for (const WeightSlice& reader : site->readers) {
      const std::string& tensor = model.view()->tensors[reader.tensor].name;
      line += " " + tensor.substr(tensor.rfind('.', tensor.size() - 8) + 1);
    }
    sites.push_back(line);
  }
  REQUIRE(sites.size() == static_cast<std::size_t>(4 * model.layers() + 1));
  CHECK(sites[0] == "0 attn_in: q_proj.weight k_proj.weight v_proj.weight");
  CHECK(sites[1] == "0 attn_out: o_proj.weight");
  CHECK(sites[2] == "0 mlp_in: gate_proj.weight up_proj.weight");
  CHECK(sites[3] == "0 mlp_mid: down_proj.weight");
  CHECK(sites.back() == "-1 head_in: lm_head.weight");
}

TEST_CASE("forward: experts are measured on the tokens that chose them", "[forward]") {
  const tiny::Expected expected = tiny::expected_logits("qwen3moe");
  tiny::Runner runner(tiny::open_folder(tiny::folder("qwen3moe")), tiny::folder("qwen3moe"));
  Seen seen;
  runner.logits({expected.tokens}, &seen);
  const Json config = tiny::config("qwen3moe");
  const std::int64_t used = config.find("num_experts_per_tok")->integer();
  int sparse = 0;
  for (const auto& site : runner.model().sites())
    sparse += site->name == "expert_in" && site->expert == 0 ? 1 : 0;
  CHECK(seen.expert_rows == static_cast<std::int64_t>(expected.tokens.size()) * used * sparse);
}

TEST_CASE("forward: the sites of the head are measured without its products", "[forward]") {
  const tiny::Expected expected = tiny::expected_logits("llama");
  tiny::Runner runner(tiny::open_folder(tiny::folder("llama")), tiny::folder("llama"));
  SiteSums with_logits(runner.device(), importance_only), without(runner.device(), importance_only);
  runner.logits({expected.tokens}, &with_logits);
  const WithoutHead weights(runner.weights());
  ForwardPass pass(runner.model(), weights, runner.device(), runner.pool());
  ForwardPass::Wanted wanted;
  wanted.observer = &without;
  wanted.head_sites = true;
  const std::vector<Batch> batches =
      make_batches(std::vector<std::vector<std::int32_t>>{expected.tokens}, 4096);
  const auto store = memory_store(batches[0].rows(), runner.model().hidden_cols());
  pass.run(batches, *store, wanted);
  const Site& head = *runner.model().sites().back();
  REQUIRE(without.find(head) != nullptr);
  CHECK(without.find(head)->rows == with_logits.find(head)->rows);
  CHECK(without.find(head)->squares[5] == Approx(with_logits.find(head)->squares[5]));
}

TEST_CASE("forward: changed weights count after reload()", "[forward]") {
  tiny::Runner runner(tiny::open_folder(tiny::folder("llama")), tiny::folder("llama"));
  Scaled weights(runner.weights());
  ForwardPass pass(runner.model(), weights, runner.device(), runner.pool());
  Batch batch;
  batch.append(std::vector<std::int32_t>{5, 6, 7});
  const std::vector<float> embedded = tiny::downloaded(runner.device(), *pass.embed(batch));
  auto hidden = pass.embed(batch);
  pass.layer(0, batch, hidden);
  const std::vector<float> first = tiny::downloaded(runner.device(), *hidden);
  CHECK(first != embedded);
  weights.factor = 0;  // nothing is added to the residual stream
  hidden = runner.device().allocate(3, runner.model().hidden_cols());
  runner.device().upload({embedded.data(), 3, hidden->cols(), hidden->cols()}, *hidden);
  pass.layer(0, batch, hidden);
  CHECK(tiny::downloaded(runner.device(), *hidden) == first);  // as it was cached
  runner.device().upload({embedded.data(), 3, hidden->cols(), hidden->cols()}, *hidden);
  pass.reload();
  pass.layer(0, batch, hidden);
  CHECK(tiny::downloaded(runner.device(), *hidden) == embedded);
}

TEST_CASE("forward: what does not fit its graph is refused with tensor and key", "[forward]") {
  {
    const tiny::Copy copy("llama-bias");
    copy.replace("config.json", "\"silu\"", "\"mish\"");
    CHECK_THAT(error_of(copy), Contains("the activation 'mish' is not known") && Contains("silu"));
  }
  {
    const tiny::Copy copy("llama-bias");
    copy.replace("config.json", "LlamaForCausalLM", "LamaForCausalLM");
    copy.replace("config.json", "\"llama\"", "\"lama\"");
    CHECK_THAT(error_of(copy),
               Contains("the architecture 'LamaForCausalLM' is not known (`polyquant help families` lists") &&
                   Contains(", so it cannot be run. To add a family is to write one file: how-to/"));
  }
}

TEST_CASE("forward: a tensor with rows that the configuration does not know is refused with its keys",
          "[forward]") {
  struct Change {
    const char *name, *from, *to, *tensor, *keys;
  };
  const auto change = GENERATE(
      Change{"phi3", "\"num_key_value_heads\": 2", "\"num_key_value_heads\": 1", "qkv_proj.weight",
             "num_key_value_heads 1"},
      Change{"llama", "\"vocab_size\": 280", "\"vocab_size\": 100", "lm_head.weight", "vocab_size 100"},
      Change{"granitemoe", "\"num_local_experts\": 4", "\"num_local_experts\": 3", "input_linear.weight",
             "num_local_experts 3"},
      Change{"gpt-oss", "\"num_local_experts\": 4", "\"num_local_experts\": 3", "router.weight",
             "num_local_experts 3"},
      Change{"qwen3moe-fused", "\"num_local_experts\": 4", "\"num_local_experts\": 3", "mlp.gate.weight",
             "num_local_experts 3"});
  const tiny::Copy copy(change.name);
  copy.replace("config.json", change.from, change.to);
  const std::string error = error_of(copy);
  INFO(change.name);
  CHECK_THAT(error, Contains(change.tensor) && Contains(change.keys));
  CHECK_THAT(error, Contains("has the shape") && Contains("but config.json gives"));
}

TEST_CASE("forward: a GGUF file runs on token ids whatever its tokenizer is", "[forward]") {
  const tiny::Expected expected = tiny::expected_logits("llama");
  tiny::MemoryModel model = tiny::written(*tiny::gguf_view_of("llama"), "f32");
  model.header.metadata.set("tokenizer.ggml.tokens", std::vector<std::string>{"same", "same", "\xff"});
  tiny::Runner runner(tiny::open_memory(std::move(model)), "llama.gguf");
  CHECK(tiny::difference(runner.logits({expected.tokens}), expected.logits) <= 1e-5f * expected.largest);
}

TEST_CASE("forward: a size that no model has is refused", "[forward]") {
  const tiny::Copy copy("llama");
  copy.replace("config.json", "\"vocab_size\": 280", "\"vocab_size\": 4611686018427387904");
  CHECK_THAT(error_of(copy), Contains("vocab_size") && Contains("no size of a tensor"));
}

TEST_CASE("forward: numbers that give no finite result are refused with their key", "[forward]") {
  struct Change {
    const char *name, *key;
    Json value;
  };
  const auto change =
      GENERATE(Change{"llama", "rms_norm_eps", Json(-1)}, Change{"gpt2", "layer_norm_epsilon", Json(-1)},
               Change{"phi3-longrope-long", "original_max_position_embeddings", Json(0)},
               Change{"phi3-longrope-long", "original_max_position_embeddings", Json(1)});
  Json config = tiny::config(change.name);
  config.set(change.key, change.value);
  const tiny::Copy copy(change.name);
  std::ofstream(copy.path() / "config.json", std::ios::binary) << to_json(config);
  INFO(change.name << " " << change.key);
  CHECK_THAT(error_of(copy), Contains(change.key));
}

TEST_CASE("forward: messages about a folder's configuration name its file", "[forward]") {
  const tiny::Copy copy("llama-bias");
  copy.replace("config.json", "\"silu\"", "\"mish\"");
  CHECK_THAT(error_of(copy), Contains(copy.path().string() + "/config.json: the activation"));
}

TEST_CASE("forward: a token outside the vocabulary is refused", "[forward]") {
  tiny::Runner runner(tiny::open_folder(tiny::folder("llama")), tiny::folder("llama"));
  CHECK_THROWS_WITH(runner.logits({{1, 280}}), "token 280 does not exist: the model has the tokens 0 to 279");
  CHECK_THROWS_WITH(runner.logits({{-1}}), Contains("token -1 does not exist"));
}

TEST_CASE("forward: a spoiled config gives a model or one sentence", "[forward]") {
  const std::string name = GENERATE("llama-yarn", "gemma3", "phi3-longrope-short", "mixtral-4", "qwen2moe",
                                    "gpt-oss", "deepseek-v3", "gpt2", "gpt-neox", "falcon-40b", "mpt",
                                    "stablelm", "granitemoe", "cohere2", "smollm3", "olmo3");
  const tiny::Copy copy(name);
  const Json config = tiny::config(name);
  const std::vector<Json> spoilers = {Json(),
                                      Json(true),
                                      Json(-1),
                                      Json(0),
                                      Json(3),
                                      Json(1e300),
                                      Json(INT64_MAX),
                                      Json("x"),
                                      Json(Json::Array{}),
                                      Json(Json::Object{})};
  for (const auto& [key, value] : config.object())
    for (const Json& spoiler : spoilers) {
      Json changed = config;
      changed.set(key, spoiler);
      std::ofstream(copy.path() / "config.json", std::ios::binary) << to_json(changed);
      INFO(name << ": " << key << " = " << to_json(spoiler));
      try {
        ForwardModel({nullptr, tiny::open_folder(copy.path())}, copy.path());
      } catch (const FormatError& error) {
        CHECK(std::string(error.what()).find('\n') == std::string::npos);
      }
    }
}
