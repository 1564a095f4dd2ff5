// Files with messages.
#include "chat/conversations.hpp"

#include <polyquant/base/error.hpp>

#include <catch2/catch.hpp>

using namespace pq;
using Catch::Contains;

TEST_CASE("conversations: a list of messages is one conversation", "[chat]") {
  const auto all = parse_conversations(R"([{"role": "user", "content": "hi"}])", "m.json", false);
  REQUIRE(all.size() == 1);
  CHECK(all[0].messages.array().size() == 1);
  CHECK(all[0].options.add_generation_prompt);
}

TEST_CASE("conversations: an object carries tools and variables", "[chat]") {
  const auto all = parse_conversations(
      R"({"messages": [], "tools": [{}], "add_generation_prompt": false, "enable_thinking": false})",
      "m.json", false);
  CHECK(all[0].options.tools.array().size() == 1);
  CHECK_FALSE(all[0].options.add_generation_prompt);
  CHECK(all[0].options.variables == Json::Object{{"enable_thinking", Json(false)}});
}

TEST_CASE("conversations: one per line, empty lines apart", "[chat]") {
  const auto all = parse_conversations("[]\n\n{\"messages\": [{\"role\": \"user\"}]}\n", "m.jsonl", true);
  REQUIRE(all.size() == 2);
  CHECK(all[1].messages.array().size() == 1);
  CHECK(all[1].place == "m.jsonl:3");
}

TEST_CASE("conversations: what is wrong is told with file and line", "[chat]") {
  const auto [text, expected] = GENERATE(table<std::string, std::string>({
      {"[]\n{\"a\": 1}", "m:2: the map has no 'messages'"},
      {"3", "m:1: the messages must be a list"},
      {"[{\"content\": \"x\"}]", "m:1: message 1 has no text 'role'"},
      {"{\"messages\": [], \"add_generation_prompt\": 1}",
       "m:1: 'add_generation_prompt' must be true or false"},
      {"[", "m:1: not valid JSON"},
  }));
  CHECK_THROWS_WITH(parse_conversations(text, "m", true), Contains(expected));
}
