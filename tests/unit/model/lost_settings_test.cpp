// Settings of a folder that GGUF cannot say: one warning each, and none where nothing is lost.
#include "model/tiny_model.hpp"

#include <polyquant/base/error.hpp>
#include <polyquant/base/file.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <fstream>

using namespace pq;
using Catch::Contains;

namespace {

bool warns(const ModelView& view, const std::string& text) {
  return std::any_of(view.warnings.begin(), view.warnings.end(),
                     [&](const std::string& warning) { return warning.find(text) != std::string::npos; });
}

std::shared_ptr<const ModelView> with_key(const std::string& name, const std::string& key, Json value) {
  const tiny::Copy copy(name);
  Json config = parse_json(read_text_file(copy.path() / "config.json", 1 << 20), "config.json");
  config.set(key, std::move(value));
  std::ofstream(copy.path() / "config.json") << to_json(config);
  return make_view(tiny::open_folder(copy.path()), copy.path(), Dialect::gguf, tiny::options(name));
}

// The key of the activation; "" where the class has no choice.
std::string activation_key(const std::string& name) {
  if (name == "gpt2") return "activation_function";
  if (name.starts_with("falcon")) return "activation";
  if (name.starts_with("gemma") && name != "gemma") return "hidden_activation";
  return name == "mpt" || name == "gpt-oss" ? "" : "hidden_act";
}

bool is_gelu(const std::string& name) {
  return name == "gpt2" || name.starts_with("falcon") || name.starts_with("gemma") || name == "gpt-neox" ||
         name == "starcoder2";
}

/// Counts the rows that are read.
class Counting final : public ModelReader {
 public:
  explicit Counting(std::shared_ptr<const ModelReader> reader) : reader_(std::move(reader)) {}
  const ModelHeader& header() const override { return reader_->header(); }
  Bytes rows(std::size_t tensor, std::int64_t first, std::int64_t count,
             std::vector<std::byte>& scratch) const override {
    read += count;
    return reader_->rows(tensor, first, count, scratch);
  }
  mutable std::int64_t read = 0;

 private:
  std::shared_ptr<const ModelReader> reader_;
};

/// A checkpoint whose head is stored, and perhaps is another than the embedding, though config.json ties them.
std::shared_ptr<const ModelView> with_tied_head(const std::string& name, bool is_same) {
  const tiny::Copy copy(name);
  Json config = parse_json(read_text_file(copy.path() / "config.json", 1 << 20), "config.json");
  config.set("tie_word_embeddings", Json(true));
  const auto source = tiny::open_folder(tiny::folder(name));
  tiny::MemoryModel model;
  for (std::size_t i = 0; i < source->header().tensors.size(); ++i) {
    const TensorInfo& info = source->header().tensors[i];
    if (info.name == "lm_head.weight") continue;
    std::vector<std::byte> scratch;
    const Bytes bytes = source->rows(i, 0, rows(info.shape), scratch);
    model.header.tensors.push_back(info);
    model.data.emplace_back(bytes.begin(), bytes.end());
    if (info.name != "model.embed_tokens.weight") continue;
    model.header.tensors.push_back(info);
    model.header.tensors.back().name = "lm_head.weight";
    model.data.push_back(model.data.back());
    if (!is_same) model.data.back().back() ^= std::byte{1};
  }
  for (SideFile file : source->header().side_files) {
    if (file.name == "config.json") file = {"config.json", {}, to_json(config)};
    model.header.side_files.push_back(std::move(file));
  }
  std::ofstream(copy.path() / "config.json") << to_json(config);
  const auto reader = std::make_shared<Counting>(tiny::open_memory(std::move(model)));
  auto view = make_view(reader, copy.path(), Dialect::gguf, tiny::options(name));
  CHECK(reader->read <= 2 * 256);  // a plan reads headers and little else
  return view;
}

bool has_output(const ModelView& view) {
  return std::any_of(view.tensors.begin(), view.tensors.end(),
                     [](const ViewTensor& tensor) { return tensor.name == "output.weight"; });
}

}  // namespace

TEST_CASE("lost settings: an activation that llama.cpp does not compute is warned of", "[model]") {
  const std::string name = GENERATE(from_range(tiny::checkpoints()));
  INFO(name);
  CHECK_FALSE(warns(*tiny::gguf_view_of(name), "activation"));
  const std::string key = activation_key(name), other = is_gelu(name) ? "silu" : "gelu";
  if (key.empty()) return;
  CHECK(warns(*with_key(name, key, Json(other)), "activation '" + other + "' has no form in GGUF"));
  CHECK(warns(*with_key(name, key, Json("relu")), "activation 'relu' has no form in GGUF"));
}

TEST_CASE("lost settings: spellings of what llama.cpp computes are not warned of", "[model]") {
  CHECK_FALSE(warns(*with_key("llama", "hidden_act", Json("swish")), "activation"));
  CHECK_FALSE(warns(*with_key("gpt-neox", "hidden_act", Json("gelu_fast")), "activation"));
  CHECK_FALSE(warns(*with_key("gemma2", "hidden_activation", Json()), "activation"));
  CHECK_FALSE(warns(*with_key("gemma", "hidden_act", Json("gelu")), "activation"));
}

TEST_CASE("lost settings: switches of single families", "[model]") {
  CHECK(warns(*with_key("deepseek-v3", "rope_interleave", Json(false)), "rope_interleave"));
  CHECK_FALSE(warns(*with_key("deepseek-v3", "rope_interleave", Json(true)), "rope_interleave"));
  const std::string gemma = GENERATE("gemma", "gemma2", "gemma3");
  CHECK(warns(*with_key(gemma, "use_bidirectional_attention", Json(true)), "use_bidirectional_attention"));
  CHECK(warns(*with_key("gpt-oss", "swiglu_alpha", Json(1.5)), "swiglu_alpha 1.5"));
  CHECK_FALSE(warns(*tiny::gguf_view_of("gpt-oss"), "swiglu_alpha"));
}

// Those in which 2,000 random texts had other ids after conversion.
TEST_CASE("lost settings: the normalizer of a byte-level tokenizer is warned of", "[model][tokenizer]") {
  const std::vector<std::string> normalising = {"cohere",   "cohere2",        "gpt-neox", "mpt",
                                                "qwen2",    "qwen2-untied",   "qwen2moe", "qwen3",
                                                "qwen3moe", "qwen3moe-fused", "stablelm"};
  const std::string name = GENERATE(from_range(tiny::checkpoints()));
  INFO(name);
  const bool expected = std::find(normalising.begin(), normalising.end(), name) != normalising.end();
  CHECK(warns(*tiny::gguf_view_of(name), "the normalizer NFC of tokenizer.json") == expected);
}

TEST_CASE("lost settings: a head that is stored and tied is another one than the embedding", "[model]") {
  const auto same = with_tied_head("llama", true), other = with_tied_head("llama", false);
  CHECK(has_output(*same));
  CHECK(has_output(*other));
  CHECK_FALSE(warns(*same, "lm_head.weight is stored"));
  CHECK(warns(*other, "lm_head.weight is stored"));
}

// convert_hf_to_gguf.py, conversion/deepseek.py: "Skipping tied output layer".
TEST_CASE("lost settings: DeepSeek's tied head is left out, as the real converter does", "[model]") {
  const auto other = with_tied_head("deepseek-v3", false);
  CHECK_FALSE(has_output(*other));
  CHECK(warns(*other, "lm_head.weight is stored"));
  CHECK(warns(*other, "it is left out"));
  CHECK_FALSE(warns(*with_tied_head("deepseek-v3", true), "lm_head.weight is stored"));
  CHECK(has_output(*tiny::gguf_view_of("deepseek-v3")));
}

TEST_CASE("lost settings: a pre-tokenizer has no place beside SentencePiece", "[model]") {
  ViewOptions options;
  options.pre_tokenizer = GENERATE("nonsense", "qwen2");
  CHECK_THROWS_WITH(make_view(tiny::open_folder(tiny::folder("llama-256")), tiny::folder("llama-256"),
                              Dialect::gguf, options),
                    Contains("options.pre_tokenizer"));
  const auto gguf = tiny::written(*tiny::gguf_view_of("llama-256"), "bf16");
  CHECK_THROWS_WITH(make_view(tiny::open_memory(gguf), "tiny.gguf", Dialect::gguf, options),
                    Contains("options.pre_tokenizer"));
}
