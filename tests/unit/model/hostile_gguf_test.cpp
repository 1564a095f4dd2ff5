// GGUF -> Hugging Face from metadata that are wrong or incomplete: one sentence with the file and the key, and no file with less than that.
#include "model/tiny_model.hpp"
#include "tokenizer/tokenizer_json_writer.hpp"

#include <polyquant/base/error.hpp>

#include <catch2/catch.hpp>

#include <algorithm>

using namespace pq;
using Catch::Contains;

namespace {

using Strings = std::vector<std::string>;

tiny::MemoryModel model(const std::string& name = "llama") {
  return tiny::written(*tiny::gguf_view_of(name), "bf16");
}

std::shared_ptr<const ModelView> folder_of(tiny::MemoryModel gguf) {
  return make_view(tiny::open_memory(std::move(gguf)), "tiny.gguf", Dialect::huggingface, {});
}

std::string message(tiny::MemoryModel gguf) {
  try {
    folder_of(std::move(gguf));
  } catch (const FormatError& error) {
    return error.what();
  }
  return "no error";
}

std::string message_with(const std::string& key, MetaValue value) {
  auto gguf = model();
  gguf.header.metadata.set(key, std::move(value));
  return message(std::move(gguf));
}

std::string message_without(const std::string& key) {
  auto gguf = model();
  gguf.header.metadata.erase(key);
  return message(std::move(gguf));
}

Strings tokens(const tiny::MemoryModel& gguf) {
  return std::get<Strings>(*gguf.header.metadata.find("tokenizer.ggml.tokens"));
}

}  // namespace

TEST_CASE("hostile gguf: a token that is no UTF-8 is refused with its number", "[model]") {
  Strings list = tokens(model());
  list[7] = "A\xF0";
  CHECK_THAT(message_with("tokenizer.ggml.tokens", list), Contains("tiny.gguf") &&
                                                              Contains("tokenizer.ggml.tokens") &&
                                                              Contains("token 7") && Contains("UTF-8"));
}

TEST_CASE("hostile gguf: a chat template or a merge that is no UTF-8 is refused with its key", "[model]") {
  CHECK_THAT(message_with("tokenizer.chat_template", std::string("{{ \xFF }}")),
             Contains("tiny.gguf") && Contains("tokenizer.chat_template"));
  CHECK_THAT(message_with("tokenizer.ggml.merges", Strings{"a b", "a \xFF"}),
             Contains("tokenizer.ggml.merges") && Contains("entry 1"));
}

TEST_CASE("hostile gguf: an array or flag of another type is refused, not taken as absent", "[model]") {
  CHECK_THAT(message_with("tokenizer.ggml.token_type", std::vector<std::uint32_t>(tokens(model()).size(), 1)),
             Contains("tiny.gguf") && Contains("tokenizer.ggml.token_type") && Contains("array of i32"));
  CHECK_THAT(message_with("tokenizer.ggml.merges", std::vector<std::uint32_t>{1, 2}),
             Contains("tokenizer.ggml.merges") && Contains("array of string"));
  CHECK_THAT(message_with("tokenizer.ggml.add_bos_token", std::uint8_t{0}),
             Contains("tiny.gguf") && Contains("tokenizer.ggml.add_bos_token"));
  CHECK_THAT(message_with("tokenizer.ggml.bos_token_id", std::string("x")),
             Contains("tiny.gguf") && Contains("tokenizer.ggml.bos_token_id"));
}

TEST_CASE("hostile gguf: missing and wrong keys have GGUF's names", "[model]") {
  CHECK_THAT(message_without("llama.embedding_length"),
             Contains("tiny.gguf") && Contains("'llama.embedding_length'"));
  CHECK_THAT(message_without("llama.attention.layer_norm_rms_epsilon"),
             Contains("tiny.gguf") && Contains("'llama.attention.layer_norm_rms_epsilon'"));
  CHECK_THAT(message_with("llama.attention.head_count", std::string("four")),
             Contains("tiny.gguf") && Contains("'llama.attention.head_count'"));
}

TEST_CASE("hostile gguf: rotary factors of another encoding are refused with their tensor", "[model]") {
  auto gguf = model("llama-llama3");
  for (TensorInfo& tensor : gguf.header.tensors)
    if (tensor.name == "rope_freqs.weight") tensor.encoding = "f16";
  CHECK_THAT(message(std::move(gguf)),
             Contains("tiny.gguf") && Contains("rope_freqs.weight") && Contains("f16"));
}

TEST_CASE("hostile gguf: numbers of layers that no model has are refused", "[model]") {
  auto gguf = model();
  gguf.header.dialect = Dialect::gguf;
  gguf.header.metadata.set("llama.block_count", std::uint64_t{1} << 40);
  CHECK_THROWS_WITH(make_view(tiny::open_memory(std::move(gguf)), "tiny.gguf", Dialect::gguf, {}),
                    Contains("tiny.gguf") && Contains("llama.block_count"));
}

TEST_CASE("hostile gguf: the original tokenizer in the file is written though its splitter is not known",
          "[model]") {
  auto gguf = model();
  const std::string original =
      R"({"version": "1.0", "added_tokens": [], "model": {"type": "BPE", "vocab": {"a": 0}, "merges": []}})";
  gguf.header.metadata.set("tokenizer.ggml.pre", std::string("nonesuch"));
  gguf.header.metadata.set("tokenizer.huggingface.json", original);
  const auto view = folder_of(std::move(gguf));
  const auto file = std::find_if(view->side_files.begin(), view->side_files.end(),
                                 [](const SideFile& f) { return f.name == "tokenizer.json"; });
  REQUIRE(file != view->side_files.end());
  CHECK(file->content == original);
  CHECK_FALSE(tiny::side_file(*view, "tokenizer_config.json").is_null());
  CHECK_THAT(message_with("tokenizer.huggingface.json", std::string("{")),
             Contains("tiny.gguf") && Contains("tokenizer.huggingface.json"));
}

TEST_CASE("hostile gguf: merges of a very long piece are found quickly", "[model][tokenizer]") {
  std::vector<std::pair<std::string, std::int64_t>> vocab = {
      {"a", 0}, {"aa", 1}, {std::string(400'000, 'a'), 2}};
  const auto merges = merges_from_scores(vocab, {-1.0f, -2.0f, -3.0f});
  REQUIRE(merges.size() == 1);
  CHECK(merges[0].text == "aa");
}

TEST_CASE("hostile gguf: merges that would fill the memory are refused", "[model][tokenizer]") {
  std::vector<std::pair<std::string, std::int64_t>> vocab;
  for (std::int64_t i = 0; i < 3000; ++i)
    vocab.emplace_back(std::string(static_cast<std::size_t>(i + 1), 'a'), i);
  CHECK_THROWS_WITH(merges_from_scores(vocab, std::vector<float>(3000, 0.0f)), Contains("merges"));
}

TEST_CASE("hostile gguf: metadata that give an impossible config.json are refused", "[model]") {
  const std::string name = GENERATE("llama-yarn", "gpt-oss", "deepseek-v3");
  INFO(name);
  auto gguf = model(name);
  const std::string architecture = gguf.header.metadata.string("general.architecture", "");
  gguf.header.metadata.erase(architecture + ".rope.scaling.factor");
  CHECK_THAT(message(std::move(gguf)),
             Contains("tiny.gguf: the metadata give a config.json") && Contains("needs the key 'factor'"));
}

TEST_CASE("hostile gguf: experts without the number that a token takes are refused", "[model]") {
  const std::string name = GENERATE("deepseek-v2", "deepseek-v3", "qwen3moe", "mixtral-4");
  INFO(name);
  auto gguf = model(name);
  const std::string architecture = gguf.header.metadata.string("general.architecture", "");
  gguf.header.metadata.erase(architecture + ".expert_used_count");
  CHECK_THAT(message(std::move(gguf)), Contains("tiny.gguf") && Contains("expert_used_count"));
}

TEST_CASE("hostile gguf: more layers than tensors are refused before they are written out", "[model]") {
  auto gguf = model("qwen3moe");
  gguf.header.metadata.set("qwen3moe.block_count", std::uint32_t{9999});
  CHECK_THAT(message(std::move(gguf)), Contains("qwen3moe.block_count") && Contains("9999"));
}

TEST_CASE("hostile gguf: merges may not take many times the bytes of the vocabulary", "[model][tokenizer]") {
  std::vector<std::pair<std::string, std::int64_t>> vocab;
  for (std::int64_t i = 1; i <= 1000; ++i)
    vocab.emplace_back(std::string(static_cast<std::size_t>(i), 'a'), i);
  CHECK_THROWS_WITH(merges_from_scores(vocab, std::vector<float>(vocab.size(), 0.0f)),
                    Contains("merges take more than"));
}
