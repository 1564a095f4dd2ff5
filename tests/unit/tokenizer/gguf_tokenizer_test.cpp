#include "tokenizer/gguf_specials.hpp"
#include "tokenizer/gguf_splitter.hpp"
#include "tokenizer/gguf_vocabulary.hpp"
#include "tokenizer/tokenizer.hpp"

#include <polyquant/base/error.hpp>

#include <catch2/catch.hpp>

using namespace pq;

namespace {

using Strings = std::vector<std::string>;

Metadata metadata(const std::string& model, const std::string& pre, Strings tokens,
                  std::vector<std::int32_t> types, std::vector<float> scores, Strings merges) {
  Metadata result;
  result.set("tokenizer.ggml.model", model);
  result.set("tokenizer.ggml.pre", pre);
  result.set("tokenizer.ggml.tokens", std::move(tokens));
  if (!types.empty()) result.set("tokenizer.ggml.token_type", std::move(types));
  if (!scores.empty()) result.set("tokenizer.ggml.scores", std::move(scores));
  if (model == "gpt2") result.set("tokenizer.ggml.merges", std::move(merges));
  return result;
}

// <unk> <s> </s>, bytes of "\n", pieces; scores as SentencePiece BPE has them.
Metadata llama() {
  return metadata("llama", "default",
                  {"<unk>", "<s>", "</s>", "<0x0A>", "\xE2\x96\x81", "a", "b",
                   "\xE2\x96\x81"
                   "a",
                   "ab",
                   "\xE2\x96\x81"
                   "ab"},
                  {2, 3, 3, 6, 1, 1, 1, 1, 1, 1}, {0, 0, 0, 0, -5, -6, -7, -2, -1, -3}, {});
}

std::vector<std::int32_t> ids(const Metadata& data, const std::string& text, EncodeOptions options = {}) {
  return Tokenizer(read_gguf_vocabulary(data, "test")).encode(text, options);
}

Strings words(const std::string& pre, const std::string& text) {
  std::vector<Word> list;
  GgufSplitter(*gguf_pre_tokenizer(pre)).split(text, list);
  Strings result;
  for (const Word& word : list) result.emplace_back(word.text);
  return result;
}

}  // namespace

// The order of merges follows llama.cpp's rule: highest score first. "ab" (-1) is joined before "_a" (-2), then "_ab" (-3).
TEST_CASE("gguf tokenizer: kind llama puts a blank in front and joins by score", "[tokenizer][gguf]") {
  CHECK(ids(llama(), "ab") == std::vector<std::int32_t>{1, 9});
  CHECK(ids(llama(), "a b\n", {false, false}) == std::vector<std::int32_t>{7, 4, 6, 3});
  CHECK(ids(llama(), "") == std::vector<std::int32_t>{1});
}

TEST_CASE("gguf tokenizer: control tokens in a text count only if asked for", "[tokenizer][gguf]") {
  const auto text = ids(llama(), "</s>ab", {false, false});
  CHECK(text.front() == 4);  // "_", then unknown characters
  CHECK(ids(llama(), "</s>ab", {false, true}) == std::vector<std::int32_t>{2, 9});
}

TEST_CASE("gguf tokenizer: the longest special token takes its place first", "[tokenizer][gguf]") {
  Metadata data = llama();
  data.set("tokenizer.ggml.tokens", Strings{"<unk>", "<s>", "</s>", "ab", "bab", "a", "b", "\xE2\x96\x81"});
  data.set("tokenizer.ggml.token_type", std::vector<std::int32_t>{2, 3, 3, 4, 4, 1, 1, 1});
  data.erase("tokenizer.ggml.scores");
  data.set("tokenizer.ggml.add_space_prefix", false);
  // "bab" is found before the "ab" further left.
  CHECK(ids(data, "abab", {false, false}) == std::vector<std::int32_t>{5, 4});
}

TEST_CASE("gguf tokenizer: kind gpt2 drops what it cannot spell", "[tokenizer][gguf]") {
  Metadata data = metadata("gpt2", "gpt-2", {"a", "b", "ab", "<|endoftext|>"}, {1, 1, 1, 1}, {}, {"a b"});
  data.set("tokenizer.ggml.bos_token_id", std::uint32_t{3});
  CHECK(ids(data, "ab?a") == std::vector<std::int32_t>{2, 0});
  // A token that ends generations is a control token whatever its type says.
  CHECK(ids(data, "<|endoftext|>", {true, true}) == std::vector<std::int32_t>{3});
  data.set("tokenizer.ggml.add_bos_token", true);
  CHECK(ids(data, "b") == std::vector<std::int32_t>{3, 1});
}

// By hand from llama.cpp's rules (unicode.cpp); acceptance.tokens compares 2000 texts for every name.
TEST_CASE("gguf splitter: words of well-known names", "[tokenizer][gguf]") {
  CHECK(words("gpt-2", "I'm 12  x") == Strings{"I", "'m", " 12", " ", " x"});
  CHECK(words("smollm", "a12") == Strings{"a", "1", "2"});
  CHECK(words("llama-bpe", "1234 'S\n\n x") == Strings{"123", "4", " '", "S", "\n\n", " x"});
  CHECK(words("qwen2", "12") == Strings{"1", "2"});
  CHECK(words("afmoe", "ab1234") == Strings{"ab", "1", "234"});
  CHECK(words("tiny_aya", "  3") == Strings{" ", " ", "3"});  // the first cut is behind "  3"
  CHECK(words("kimi-k2", "\xE4\xB8\xAD\xE6\x96\x87 abc") == Strings{"\xE4\xB8\xAD\xE6\x96\x87", " abc"});
  CHECK_FALSE(gguf_pre_tokenizer("no-such-name"));
}

TEST_CASE("gguf tokenizer: what cannot be read is refused with the key", "[tokenizer][gguf]") {
  using Catch::Matchers::Contains;
  const auto read = [](const Metadata& data) { return read_gguf_vocabulary(data, "m.gguf"); };
  CHECK_THROWS_WITH(read(Metadata()), Contains("m.gguf") && Contains("tokenizer.ggml.model is missing"));
  CHECK_THROWS_WITH(read(metadata("bert", "", {"a"}, {}, {}, {})),
                    Contains("'bert'") && Contains("known: gpt2"));
  CHECK_THROWS_WITH(read(metadata("gpt2", "odd", {"a"}, {}, {}, {})), Contains("'odd'"));
  CHECK_THROWS_WITH(read(metadata("llama", "", {"a", "a"}, {}, {}, {})), Contains("'a' twice"));
  CHECK_THROWS_WITH(read(metadata("llama", "", {"a", "b"}, {1}, {}, {})),
                    Contains("token_type has 1 entries, tokens has 2"));
  Metadata none = metadata("llama", "", {"a"}, {}, {}, {});
  CHECK_THROWS_WITH(read(none), Contains("no tokenizer.ggml.bos_token_id"));
}
