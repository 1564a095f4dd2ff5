// Files with messages, rendered with a model's template.
#include "chat_texts.hpp"

#include "base/support.hpp"
#include "model/tiny_model.hpp"
#include "session.hpp"

#include <catch2/catch.hpp>

using namespace pq;
using Catch::Contains;

namespace {

// The texts of a file with a checkpoint of tests/golden/tiny.
std::vector<std::string> texts(const std::string& file, const std::string& content,
                               cli::ChatRequest request = {}, const std::string& model = "llama") {
  const test::TempFolder folder;
  test::write_file(folder / file, content);
  request.file = (folder / file).string();
  std::vector<std::string> result;
  cli::render_conversations(*tiny::open_folder(tiny::folder(model)), tiny::folder(model), request,
                            [&](const std::string& text) { result.push_back(text); });
  return result;
}

cli::Failure failure(const std::string& file, const std::string& content, cli::ChatRequest request = {},
                     const std::string& model = "llama") {
  try {
    texts(file, content, std::move(request), model);
  } catch (const std::exception& error) {
    return cli::describe(error);
  }
  return {"none", 0};
}

}  // namespace

TEST_CASE("chat texts: one conversation of a .json file, several of a .jsonl file", "[cli][chat]") {
  const std::string chat = R"([{"role": "user", "content": "hi"}])";
  CHECK(texts("m.json", chat) == std::vector<std::string>{"<|user|>\nhi\n"});
  CHECK(texts("m.jsonl", chat + "\n\n{\"messages\": []}\n") ==
        std::vector<std::string>{"<|user|>\nhi\n", ""});
}

TEST_CASE("chat texts: the generation prompt is the request's to leave out", "[cli][chat]") {
  const tiny::Copy copy("llama");
  test::write_file(copy.path() / "chat_template.jinja", "{{ add_generation_prompt }}");
  test::write_file(copy.path() / "m.jsonl", "[]\n{\"messages\": [], \"add_generation_prompt\": false}\n");
  const bool prompt = GENERATE(true, false);
  std::string result;
  cli::render_conversations(*tiny::open_folder(copy.path()), copy.path(),
                            {(copy.path() / "m.jsonl").string(), "", prompt},
                            [&](const std::string& text) { result += text + " "; });
  CHECK(result == (prompt ? "True False " : "False False "));
}

TEST_CASE("chat texts: what is wrong is told with its place and exit code", "[cli][chat]") {
  const auto check = [](const cli::Failure& found, int code, const std::string& sentence) {
    CHECK(found.exit_code == code);
    CHECK_THAT(found.message, Contains(sentence));
  };
  check(failure("m.json", "{}"), 3, "m.json: the map has no 'messages'");
  check(failure("m.jsonl", "\n"), 3, "m.jsonl: there is no conversation; give one list of messages per line");
  check(failure("m.json", "[]", {"", "tool_use", true}), 2,
        "llama: the model has no chat template 'tool_use'");
  check(failure("m.json", "[]", {}, "gemma3"), 3, "gemma3: the model has no chat template;");
  check(failure("m.jsonl", "[]\n[{\"role\": \"user\", \"content\": 1}]"), 3,
        "m.jsonl:2: " + (tiny::folder("llama") / "tokenizer_config.json").string() +
            ": chat_template: line 1: ");
}
