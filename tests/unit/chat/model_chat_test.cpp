// Where the templates of a model are found.
#include "chat/model_chat.hpp"

#include "base/support.hpp"
#include "model/tiny_model.hpp"

#include <polyquant/base/error.hpp>

#include <catch2/catch.hpp>

#include <fstream>

using namespace pq;
using Catch::Contains;

namespace {

void write(const std::filesystem::path& path, const std::string& text) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << text;
}

ModelChat chat_of(const std::filesystem::path& folder) {
  return read_model_chat(*tiny::open_folder(folder), folder);
}

std::string first_message(const ModelChat& chat, const std::string& name = "", bool has_tools = false) {
  const Json messages = parse_json(R"([{"role": "user", "content": "hi"}])", "test");
  return render_chat(choose_template(chat, name, has_tools), chat, messages, {});
}

}  // namespace

TEST_CASE("model chat: the templates of the tiny checkpoints are found and rendered", "[chat]") {
  const std::string name = GENERATE("llama", "cohere", "qwen2", "deepseek-v3", "stablelm");
  INFO(name);
  CHECK(first_message(chat_of(tiny::folder(name))) == "<|user|>\nhi\n");
}

TEST_CASE("model chat: a GGUF file has the template and special tokens of its source", "[chat]") {
  ViewOptions options;
  options.pre_tokenizer = "llama-bpe";
  const auto source = tiny::open_folder(tiny::folder("llama"));
  const auto view = make_view(source, tiny::folder("llama"), Dialect::gguf, options);
  const auto gguf = tiny::open_memory(tiny::written(*view, "bf16"));
  const ModelChat chat = read_model_chat(*gguf, "tiny.gguf");
  CHECK(first_message(chat) == "<|user|>\nhi\n");
  CHECK(chat.templates[0].source == "tiny.gguf: tokenizer.chat_template");
  CHECK(Json(chat.special_tokens).find("bos_token") != nullptr);
}

TEST_CASE("model chat: named templates of a GGUF file are found by their keys", "[chat]") {
  tiny::MemoryModel model;
  model.header.dialect = Dialect::gguf;
  model.header.metadata.set("tokenizer.chat_template", std::string("main"));
  model.header.metadata.set("tokenizer.chat_template.tool_use", std::string("tools"));
  const ModelChat chat = read_model_chat(*tiny::open_memory(std::move(model)), "x.gguf");
  CHECK(first_message(chat) == "main");
  CHECK(first_message(chat, "", true) == "tools");
  CHECK(first_message(chat, "tool_use") == "tools");
}

TEST_CASE("model chat: files beside the model win over tokenizer_config.json, as in transformers", "[chat]") {
  const tiny::Copy copy("llama");
  write(copy.path() / "chat_template.jinja", "{{ bos_token }}file");
  write(copy.path() / "additional_chat_templates" / "rag.jinja", "rag");
  const ModelChat chat = chat_of(copy.path());
  CHECK_THAT(first_message(chat), Catch::EndsWith("file"));
  CHECK(first_message(chat) != "file");  // BOS was there
  CHECK(first_message(chat, "rag") == "rag");
}

TEST_CASE("model chat: a name that the model does not have is refused with those that it has", "[chat]") {
  CHECK_THROWS_WITH(first_message(chat_of(tiny::folder("llama")), "defualt"),
                    Contains("no chat template 'defualt'; did you mean 'default'?"));
}

TEST_CASE("model chat: a model without a template is refused", "[chat]") {
  CHECK_THROWS_WITH(first_message(chat_of(tiny::folder("gemma3"))),
                    Contains("the model has no chat template"));
}

TEST_CASE("model chat: a template of the wrong type is refused with its file", "[chat]") {
  const tiny::Copy copy("llama");
  write(copy.path() / "tokenizer_config.json", R"({"chat_template": 3})");
  CHECK_THROWS_WITH(chat_of(copy.path()),
                    Contains("tokenizer_config.json: chat_template must be a text or a list"));
}
