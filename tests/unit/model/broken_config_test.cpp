// What people hand in by mistake: every case is one sentence that names the file and the key or tensor.
#include "model/tiny_model.hpp"

#include <polyquant/base/error.hpp>

#include <catch2/catch.hpp>

#include <filesystem>

using namespace pq;
using Catch::Matchers::Contains;

namespace {

std::shared_ptr<const ModelView> convert(const tiny::Copy& copy) {
  ViewOptions options;
  options.pre_tokenizer = "llama-bpe";
  return make_view(tiny::open_folder(copy.path()), copy.path(), Dialect::gguf, options);
}

std::string message_after(const std::string& from, const std::string& to,
                          const std::string& model = "llama") {
  const tiny::Copy copy(model);
  copy.replace("config.json", from, to);
  try {
    convert(copy);
  } catch (const FormatError& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace

TEST_CASE("broken config: an unknown architecture is named, with the way to add it", "[model]") {
  CHECK_THAT(message_after("\"LlamaForCausalLM\"", "\"LamaForCausalLM\"") +
                 message_after("\"model_type\": \"llama\"", "\"model_type\": \"x\""),
             Contains("no error"));  // one of the two still tells
  const tiny::Copy copy("llama");
  copy.replace("config.json", "\"LlamaForCausalLM\"", "\"LamaForCausalLM\"");
  copy.replace("config.json", "\"model_type\": \"llama\"", "\"model_type\": \"lama\"");
  CHECK_THROWS_WITH(convert(copy), Contains("config.json") && Contains("'LamaForCausalLM' is not known") &&
                                       Contains("add-a-model-family.md") && !Contains("did you mean"));
}

TEST_CASE("broken config: a missing key without a default is named", "[model]") {
  CHECK_THAT(message_after("\"head_dim\": 16,", "") + " ",
             !Contains("head_dim") && Contains("no error"));  // 64 / 4 heads
  CHECK_THAT(message_after("\"num_key_value_heads\": 2,", ""),
             Contains("k_proj.weight") && Contains("num_attention_heads 4") && Contains("head_dim 16"));
}

TEST_CASE("broken config: a missing key with a class default says that the default was taken", "[model]") {
  CHECK_THAT(message_after("\"hidden_size\": 64,", ""),
             Contains("config.json") && Contains("hidden_size") && Contains("4096"));
  CHECK_THAT(message_after("\"num_hidden_layers\": 2,", ""),
             Contains("model.layers.2.") && Contains("missing") && Contains("num_hidden_layers"));
}

TEST_CASE("broken config: sizes that contradict the tensors are shown both", "[model]") {
  CHECK_THAT(message_after("\"hidden_size\": 64,", "\"hidden_size\": 128,"),
             Contains("[280, 64]") && Contains("[280, 128]"));
  CHECK_THAT(message_after("\"vocab_size\": 280", "\"vocab_size\": 300"),
             Contains("vocab_size") && Contains("[300, 64]"));
  CHECK_THAT(message_after("\"num_hidden_layers\": 2,", "\"num_hidden_layers\": 1,"),
             Contains("model.layers.1.") && Contains("not known"));
}

TEST_CASE("broken config: values that are no sizes are refused", "[model]") {
  CHECK_THAT(message_after("\"hidden_size\": 64,", "\"hidden_size\": -64,"), Contains("-64"));
  CHECK_THAT(message_after("\"hidden_size\": 64,", "\"hidden_size\": \"64\","),
             Contains("config.json: key 'hidden_size' must be a number, not a string (64)"));
  CHECK_THAT(message_after("\"num_hidden_layers\": 2,", "\"num_hidden_layers\": 1e9,"),
             !Contains("no error"));
  CHECK_THAT(message_after("\"num_hidden_layers\": 2,", "\"num_hidden_layers\": 900000000,"),
             Contains("layers"));
  CHECK_THAT(message_after("\"num_attention_heads\": 4,", "\"num_attention_heads\": 0,"),
             !Contains("no error"));
  CHECK_THAT(message_after("\"num_attention_heads\": 4,", "\"num_attention_heads\": 3,"),
             Contains("num_attention_heads 3") && Contains("num_key_value_heads 2"));
}

TEST_CASE("broken config: an unknown rope type is refused with the known ones", "[model]") {
  CHECK_THAT(message_after("\"rope_type\": \"default\"", "\"rope_type\": \"spiral\""),
             Contains("spiral") && Contains("yarn"));
  CHECK_THAT(
      message_after("\"rope_type\": \"yarn\",\n  \"factor\": 4.0,", "\"rope_type\": \"yarn\",", "llama-yarn"),
      Contains("factor"));
}

TEST_CASE("broken config: JSON that is cut off is refused with its file", "[model]") {
  CHECK_THAT(message_after("\"vocab_size\": 280\n}", ""),
             Contains("config.json") && Contains("not valid JSON"));
}

TEST_CASE("broken config: no config.json", "[model]") {
  const tiny::Copy copy("llama");
  std::filesystem::remove(copy.path() / "config.json");
  CHECK_THROWS_WITH(convert(copy), Contains("config.json is missing"));
}

TEST_CASE("broken config: no tokenizer", "[model]") {
  const tiny::Copy copy("llama");
  std::filesystem::remove(copy.path() / "tokenizer.json");
  CHECK_THROWS_WITH(convert(copy), Contains("tokenizer.json"));
}

TEST_CASE("broken config: a token above the embedding rows", "[model]") {
  const tiny::Copy copy("llama");
  copy.replace("tokenizer.json", "\"id\":279", "\"id\":5000");
  CHECK_THROWS_WITH(convert(copy), Contains("tokenizer.json") && Contains("5000") && Contains("280"));
}

TEST_CASE("broken config: an unknown pre-tokenizer asks for its name instead of taking a default",
          "[model]") {
  const tiny::Copy copy("llama");
  copy.replace("tokenizer.json", "(?i:'s|'t", "(?i:'x|'t");
  CHECK_THROWS_WITH(make_view(tiny::open_folder(copy.path()), copy.path(), Dialect::gguf, {}),
                    Contains("pre_tokenizer"));
}

TEST_CASE("gguf view: the structure of the splits names the pre-tokenizer of a fine-tune", "[model]") {
  const auto view =
      make_view(tiny::open_folder(tiny::folder("llama")), tiny::folder("llama"), Dialect::gguf, {});
  CHECK(view->metadata.string("tokenizer.ggml.pre", "") == "llama-bpe");
  // Line ends written as escapes where the published file has the characters.
  const auto escaped = make_view(tiny::open_folder(tiny::folder("deepseek-v3")), tiny::folder("deepseek-v3"),
                                 Dialect::gguf, {});
  CHECK(escaped->metadata.string("tokenizer.ggml.pre", "") == "deepseek-v3");
}

TEST_CASE("gguf view: what the format cannot express is said in a warning", "[model]") {
  const auto warnings = [](const std::string& name) { return tiny::gguf_view_of(name)->warnings; };
  CHECK(warnings("llama").empty());
  REQUIRE(warnings("llama-dynamic").size() == 1);
  CHECK_THAT(warnings("llama-dynamic")[0], Contains("dynamic") && Contains("32 tokens"));
  REQUIRE(warnings("mistral").size() == 1);
  CHECK_THAT(warnings("mistral")[0], Contains("window of 16"));
  CHECK(warnings("gemma3").empty());
  const tiny::Copy copy("gemma3");
  copy.replace("config.json", "\"query_pre_attn_scalar\": 32", "\"query_pre_attn_scalar\": 48");
  const auto view = make_view(tiny::open_folder(copy.path()), copy.path(), Dialect::gguf, {});
  REQUIRE(view->warnings.size() == 1);
  CHECK_THAT(view->warnings[0], Contains("query_pre_attn_scalar 48"));
}

TEST_CASE("identity view: roles are known in both dialects", "[model]") {
  const auto folder =
      make_view(tiny::open_folder(tiny::folder("llama")), tiny::folder("llama"), Dialect::huggingface, {});
  const auto gguf =
      make_view(tiny::open_folder(tiny::folder("llama")), tiny::folder("llama"), Dialect::gguf, {});
  const auto again = make_view(tiny::open_memory(tiny::written(*gguf, "bf16")), "x.gguf", Dialect::gguf, {});
  REQUIRE(folder->tensors.size() == gguf->tensors.size());
  REQUIRE(again->tensors.size() == gguf->tensors.size());
  for (std::size_t i = 0; i < gguf->tensors.size(); ++i) {
    INFO(gguf->tensors[i].name);
    CHECK(!gguf->tensors[i].role.empty());
    CHECK(folder->tensors[i].role == gguf->tensors[i].role);
    CHECK(again->tensors[i].role == gguf->tensors[i].role);
    CHECK(again->tensors[i].keep_f32 == gguf->tensors[i].keep_f32);
    CHECK(folder->tensors[i].layer == gguf->tensors[i].layer);
  }
  CHECK(folder->facts.layers == 2);
  CHECK(again->facts.attention_heads == 4);
  CHECK(again->facts.key_value_heads == 2);
  CHECK_FALSE(folder->facts.tied_output);
}

TEST_CASE("identity view: a config that does not fit its class costs the roles, and the warning has its path",
          "[model]") {
  const tiny::Copy copy("llama");
  copy.replace("config.json", "\"num_hidden_layers\": 2", "\"num_hidden_layers\": \"two\"");
  const auto view = make_view(tiny::open_folder(copy.path()), copy.path(), Dialect::huggingface, {});
  CHECK(view->tensors[0].role.empty());
  REQUIRE(view->warnings.size() == 1);
  CHECK_THAT(view->warnings[0],
             Catch::StartsWith("the roles of tensors are not known") &&
                 Contains((copy.path() / "config.json").string() + ": key 'num_hidden_layers'"));
}

TEST_CASE("identity view: a folder without config.json is viewed all the same", "[model]") {
  const tiny::Copy copy("llama");
  std::filesystem::remove(copy.path() / "config.json");
  const auto view = make_view(tiny::open_folder(copy.path()), copy.path(), Dialect::huggingface, {});
  CHECK(view->tensors.size() == 21);
  CHECK(view->tensors[0].role.empty());
}
