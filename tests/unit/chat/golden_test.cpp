// Templates against what jinja2 makes of them (tests/golden/chat, see tests/golden/README.md).
#include "chat/chat_template.hpp"

#include <polyquant/base/error.hpp>
#include <polyquant/base/file.hpp>

#include <catch2/catch.hpp>

#include <filesystem>

using namespace pq;

namespace {

Json golden(const std::string& name) {
  const auto path = std::filesystem::path(PQ_GOLDEN_DIR) / "chat" / name;
  return parse_json(read_text_file(path, 1 << 24), path.string());
}

// The moment that make_chat_golden.py shows: Friday, 26 July 2024.
std::tm golden_moment() {
  std::tm moment{};
  moment.tm_year = 124;
  moment.tm_mon = 6;
  moment.tm_mday = 26;
  moment.tm_wday = 5;
  moment.tm_yday = 207;
  return moment;
}

ChatOptions options_of(const Json& chat) {
  ChatOptions options;
  options.now = golden_moment();
  for (const auto& [name, value] : chat.object()) {
    if (name == "tools")
      options.tools = value;
    else if (name == "documents")
      options.documents = value;
    else if (name == "add_generation_prompt")
      options.add_generation_prompt = value.boolean();
    else if (name != "messages")
      options.variables.emplace_back(name, value);
  }
  return options;
}

// `expected` has "text", or "error" with Python's words, which need not be ours.
void check(const std::string& text, const Json& messages, const ChatOptions& options, const Json& expected) {
  if (const Json* wanted = expected.find("text")) {
    CHECK(ChatTemplate(text, "golden").render(messages, options) == wanted->string());
  } else {
    INFO(expected.find("error")->string());
    CHECK_THROWS_AS(ChatTemplate(text, "golden").render(messages, options), FormatError);
  }
}

void check_small(const std::string& file) {
  const Json messages = *golden("chats.json").find("small");
  ChatOptions options;
  options.now = golden_moment();
  const Json entries = golden(file);
  for (const Json& entry : entries.array()) {
    const std::string text = entry.find("template")->string();
    INFO(text);
    check(text, messages, options, entry);
  }
}

}  // namespace

TEST_CASE("chat: expressions give what jinja2 gives", "[chat][golden]") { check_small("expressions.json"); }

TEST_CASE("chat: statements, white space and scopes are those of jinja2", "[chat][golden]") {
  check_small("statements.json");
}

TEST_CASE("chat: whole templates give what jinja2 gives for every kind of conversation", "[chat][golden]") {
  const Json chats = golden("chats.json");
  const Json entries = golden("families.json");
  for (const Json& entry : entries.array()) {
    const std::string family = entry.find("family")->string();
    const std::string name = entry.find("chat")->string();
    INFO(family << ", " << name);
    const Json& chat = *chats.find("chats")->find(name);
    ChatOptions options = options_of(chat);
    options.variables.emplace_back("bos_token", "<s>");
    options.variables.emplace_back("eos_token", "</s>");
    check(chats.find("templates")->find(family)->string(), *chat.find("messages"), options, entry);
  }
}
