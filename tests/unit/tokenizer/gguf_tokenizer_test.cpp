#include "tokenizer/gguf_specials.hpp"
#include "tokenizer/gguf_splitter.hpp"
#include "tokenizer/gguf_vocabulary.hpp"
#include "tokenizer/pre_tokenizer.hpp"
#include "tokenizer/pre_tokenizer_structure.hpp"
#include "tokenizer/tokenizer.hpp"
#include "tokenizer/unicode.hpp"

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

TEST_CASE("gguf tokenizer: a token that ends inside a character is given back as it is",
          "[tokenizer][gguf]") {
  CHECK(byte_unmapped("a\xF0") == "a\xF0");
  std::size_t at = 0;
  next_character(std::string_view("\xF0", 1), at);
  CHECK(at == 1);
}

// All places of all tokens together would be 280 times the text.
TEST_CASE("gguf tokenizer: tokens inside each other need no more memory than the text", "[tokenizer][gguf]") {
  Strings tokens;
  for (std::size_t i = 1; i <= 280; ++i) tokens.emplace_back(i, 'a');
  Metadata data = metadata("llama", "default", tokens, std::vector<std::int32_t>(280, 4), {}, {});
  data.set("tokenizer.ggml.add_space_prefix", false);
  data.set("tokenizer.ggml.add_bos_token", false);
  const auto found = ids(data, std::string(280 * 5 + 7, 'a'), {false, false});
  REQUIRE(found.size() == 6);
  CHECK(std::count(found.begin(), found.end(), 279) == 5);
  CHECK(found.back() == 6);
}

TEST_CASE("gguf tokenizer: a token that is no longer free leaves its place to a shorter one",
          "[tokenizer][gguf]") {
  Metadata data = llama();
  data.set("tokenizer.ggml.tokens", Strings{"<unk>", "<s>", "</s>", "abc", "cdef", "ab", "a", "b"});
  data.set("tokenizer.ggml.token_type", std::vector<std::int32_t>{2, 3, 3, 4, 4, 4, 1, 1});
  data.erase("tokenizer.ggml.scores");
  data.set("tokenizer.ggml.add_space_prefix", false);
  CHECK(ids(data, "abcdef", {false, false}) == std::vector<std::int32_t>{5, 4});
}

TEST_CASE("gguf tokenizer: arrays and flags of another type are refused with the file", "[tokenizer][gguf]") {
  Metadata data = llama();
  data.set("tokenizer.ggml.token_type", std::vector<std::uint32_t>(10, 1));
  CHECK_THROWS_WITH(ids(data, "a"), Catch::Matchers::StartsWith("test: tokenizer.ggml.token_type"));
  data = llama();
  data.set("tokenizer.ggml.bos_token_id", std::string("x"));
  CHECK_THROWS_WITH(ids(data, "a"), Catch::Matchers::StartsWith("test: ") &&
                                        Catch::Matchers::Contains("tokenizer.ggml.bos_token_id"));
}

// The list of llama.cpp's converter: what it writes, llama.cpp must be able to read, and so must we.
TEST_CASE("gguf splitter: every name that a fingerprint gives has an engine", "[tokenizer][gguf]") {
  const Json* known = pre_tokenizer_table().find("fingerprints");
  REQUIRE(known != nullptr);
  for (const Json& entry : known->array()) {
    INFO(entry.array()[1].string());
    CHECK(gguf_pre_tokenizer(entry.array()[1].string()).has_value());
  }
}

// As llama.cpp tokenizes with the same vocabulary (xllamacpp 2026.10.11549): sarvam-moe as gemma4, but without BOS.
TEST_CASE("gguf splitter: sarvam-moe has blanks as U+2581 and adds nothing", "[tokenizer][gguf]") {
  const auto sarvam = gguf_pre_tokenizer("sarvam-moe");
  REQUIRE(sarvam.has_value());
  CHECK(sarvam->metaspace);
  CHECK_FALSE(sarvam->add_bos);
  CHECK(words("sarvam-moe", "a b\n\nc") == Strings{"a b", "\n\n", "c"});
  CHECK(gguf_pre_tokenizer("gemma4")->always_bos);
}

// llama.cpp's own rule for Kimi K2: Han runs stand alone.
TEST_CASE("gguf splitter: kimi-k2 keeps Han characters apart", "[tokenizer][gguf]") {
  CHECK(words("kimi-k2",
              "ab\xE4\xB8\xAD\xE6\x96\x87"
              "c 12345's") == Strings{"ab", "\xE4\xB8\xAD\xE6\x96\x87", "c", " ", "123", "45", "'s"});
  CHECK(words("kimi-k25", "don't") == Strings{"don't"});
}

// llama.cpp runs its rule of AFMoE in place of this expression: digits in groups of three from their end.
TEST_CASE("gguf splitter: digits in groups of three are a rule, whatever name asks for them",
          "[tokenizer][gguf]") {
  const std::string name = GENERATE("afmoe", "tiny_aya", "cohere2moe");
  INFO(name);
  CHECK(words(name, "1234567") == Strings{"1", "234", "567"});
}

TEST_CASE("gguf tokenizer: WordPiece and other kinds are refused with the place and what is known",
          "[tokenizer][gguf]") {
  const std::string kind = GENERATE("bert", "rwkv", "plamo2");
  INFO(kind);
  const Metadata data = metadata(kind, "default", {"[PAD]", "[UNK]", "a"}, {3, 3, 1}, {}, {});
  CHECK_THROWS_WITH(read_gguf_vocabulary(data, "model.gguf"),
                    Catch::Matchers::StartsWith("model.gguf: ") &&
                        Catch::Matchers::Contains("'" + kind + "'") && Catch::Matchers::Contains("gpt2"));
  CHECK_THROWS_AS(read_gguf_vocabulary(data, "model.gguf"), FormatError);
}
