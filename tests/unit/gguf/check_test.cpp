#include "support.hpp"

#include <catch2/catch.hpp>

using namespace gguf_test;

namespace {

std::vector<std::string> problems(const Raw& raw) { return open_bytes(raw.bytes)->check(); }

Raw& tokens(Raw& raw, std::uint64_t count) {
  raw.text("tokenizer.ggml.tokens").u32(9).u32(8).u64(count);
  for (std::uint64_t i = 0; i < count; ++i) raw.text("t");
  return raw;
}

Raw model(std::uint64_t tensors, std::uint64_t more_keys) {
  return Raw::start(tensors, 1 + more_keys).key_text("general.architecture", "x");
}

}  // namespace

TEST_CASE("gguf check: the architecture is needed, except in an importance matrix", "[gguf]") {
  REQUIRE(problems(Raw::start(0, 0)).size() == 1);
  CHECK(problems(Raw::start(0, 0))[0] == "m.gguf: key 'general.architecture' is missing or no text");
  CHECK(problems(Raw::start(0, 1).key_text("general.architecture", "")).size() == 1);
  CHECK(problems(Raw::start(0, 1).key_u32("general.architecture", 1)).size() == 1);
  CHECK(problems(Raw::start(0, 1).key_text("general.type", "imatrix")).empty());
}

TEST_CASE("gguf check: quantized tensors need the quantization version 2", "[gguf]") {
  const auto with = [](std::uint32_t version, std::uint32_t type, std::size_t bytes) {
    Raw raw = model(1, 1).key_u32(version == 0 ? "other" : "general.quantization_version", version);
    return raw.tensor("t", {32}, type, 0).pad().fill(bytes).pad();
  };
  CHECK(problems(with(2, 2, 18)).empty());
  CHECK(problems(with(0, 1, 64)).empty());
  REQUIRE(problems(with(0, 2, 18)).size() == 1);
  CHECK(problems(with(0, 2, 18))[0] ==
        "m.gguf: key 'general.quantization_version' must be the u32 2, as tensor 't' is of type q4_0");
  CHECK(problems(with(1, 2, 18)).size() == 1);
}

TEST_CASE("gguf check: names of 64 bytes and empty names are reported", "[gguf]") {
  Raw raw = model(3, 0);
  raw.tensor(std::string(63, 'a'), {1}, 24, 0)
      .tensor(std::string(64, 'b'), {1}, 24, 32)
      .tensor("", {1}, 24, 64)
      .pad()
      .fill(96);
  const auto found = problems(raw);
  REQUIRE(found.size() == 2);
  CHECK_THAT(found[0],
             Catch::Contains("bbb") && Catch::Contains("64 bytes long, llama.cpp reads at most 63"));
  CHECK_THAT(found[1], Catch::Contains("empty name"));
}

TEST_CASE("gguf check: arrays beside the tokens must be as long", "[gguf]") {
  Raw right = model(0, 3);
  tokens(right, 2).text("tokenizer.ggml.scores").u32(9).u32(6).u64(2).fill(8);
  right.text("tokenizer.ggml.token_type").u32(9).u32(5).u64(2).fill(8);
  CHECK(problems(right).empty());

  Raw wrong = model(0, 3);
  tokens(wrong, 3).text("tokenizer.ggml.scores").u32(9).u32(6).u64(2).fill(8);
  wrong.text("tokenizer.ggml.token_type").u32(9).u32(4).u64(3).fill(12);
  const auto found = problems(wrong);
  REQUIRE(found.size() == 2);
  CHECK(found[0] == "m.gguf: key 'tokenizer.ggml.scores' has 2 elements, but 'tokenizer.ggml.tokens' has 3");
  CHECK(found[1] ==
        "m.gguf: key 'tokenizer.ggml.token_type' has type array of u32, it must be an array of i32");
}

TEST_CASE("gguf check: special tokens must exist", "[gguf]") {
  Raw raw = model(0, 3);
  tokens(raw, 3).key_u32("tokenizer.ggml.bos_token_id", 2).key_u32("tokenizer.ggml.eos_token_id", 3);
  const auto found = problems(raw);
  REQUIRE(found.size() == 1);
  CHECK(found[0] == "m.gguf: key 'tokenizer.ggml.eos_token_id' is 3, but there are only 3 tokens");
}

TEST_CASE("gguf check: the embedding has one row per token", "[gguf]") {
  Raw raw = model(1, 1);
  tokens(raw, 3).tensor("token_embd.weight", {4, 2}, 24, 0).pad().fill(32);
  const auto found = problems(raw);
  REQUIRE(found.size() == 1);
  CHECK(found[0] ==
        "m.gguf: tensor 'token_embd.weight' has 2 rows, but 'tokenizer.ggml.tokens' has 3 elements");
}

TEST_CASE("gguf check: values that are no UTF-8 are reported", "[gguf]") {
  Raw raw = model(0, 2);
  raw.key_text("a", "\xFF").text("b").u32(9).u32(8).u64(1).text("\x80");
  const auto found = problems(raw);
  REQUIRE(found.size() == 2);
  CHECK(found[0] == "m.gguf: key 'a': the value is not valid UTF-8");
}

TEST_CASE("gguf check: keys of a split model have exact types", "[gguf]") {
  Raw raw = model(0, 3);
  raw.key_u32("split.no", 0).key_u32("split.count", 0).key_u32("split.tensors.count", 0);
  const auto found = problems(raw);
  REQUIRE(found.size() == 3);
  CHECK(found[0] == "m.gguf: key 'split.no' has type u32, llama.cpp reads only u16");
  CHECK(found[2] == "m.gguf: key 'split.tensors.count' has type u32, llama.cpp reads only i32");
}
