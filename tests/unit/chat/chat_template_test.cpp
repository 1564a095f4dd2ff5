// What is refused, in which words, and that hostile templates end.
#include "chat/chat_template.hpp"

#include "base/support.hpp"

#include <polyquant/base/error.hpp>

#include <catch2/catch.hpp>

#include <thread>

using namespace pq;
using Catch::Contains;

namespace {

Json messages() { return parse_json(R"([{"role": "user", "content": "hi"}])", "test"); }

std::string rendered(const std::string& text, jinja::Limits limits = {}) {
  return ChatTemplate(text, "t", limits).render(messages(), {});
}

std::string error_of(const std::string& text, jinja::Limits limits = {}) {
  try {
    rendered(text, limits);
  } catch (const FormatError& error) {
    return error.what();
  }
  return "no error";
}

// Small enough to be met in milliseconds.
jinja::Limits small_limits() {
  jinja::Limits limits;
  limits.output_bytes = 1 << 16;
  limits.value_bytes = 1 << 22;
  limits.steps = 200'000;
  return limits;
}

}  // namespace

TEST_CASE("chat: an unsupported construct is refused with the template's line and the construct", "[chat]") {
  const auto [text, expected] = GENERATE(table<std::string, std::string>({
      {"a\n{% include 'x' %}", "t: line 2: the tag 'include' is not supported"},
      {"\n\n{{ x | urlize }}", "t: line 3: the filter 'urlize' is not supported"},
      {"{{ x is escaped }}", "t: line 1: the test 'escaped' is not supported"},
      {"{% for x in y recursive %}{% endfor %}", "t: line 1: a 'for' with 'recursive' is not supported"},
      {"{{ ''.encode() }}", "t: line 1: the method 'encode' of strings is not supported"},
      {"{% macro f() %}{% endmacro %}{{ f.name }}",
       "t: line 1: the attribute 'name' of a macro is not supported"},
      {"{{ range }}", "t: line 1: a function cannot be printed"},
      {"{{ messages | map('upper') }}", "t: line 1: a generator cannot be printed"},
      {"{{ 9223372036854775808 }}", "t: line 1: the number 9223372036854775808 needs more than 64 bits"},
      {"{{ 9223372036854775807 + 1 }}", "t: line 1: an integer needs more than 64 bits"},
      {"{{ '\\ud83d' }}", "t: line 1: a string has an escape that is no character"},
  }));
  INFO(text);
  CHECK_THAT(error_of(text), Contains(expected));
}

TEST_CASE("chat: a typing error names the nearest word", "[chat]") {
  CHECK_THAT(error_of("{{ x | uper }}"), Contains("did you mean 'upper'?"));
  CHECK_THAT(error_of("{% fro x in y %}"), Contains("did you mean 'for'?"));
}

TEST_CASE("chat: what a template refuses is told in its own words", "[chat]") {
  CHECK(error_of("{% if true %}\n{{ raise_exception('Roles must alternate') }}{% endif %}") ==
        "t: line 2: the template refuses these messages: Roles must alternate");
}

TEST_CASE("chat: an undefined variable prints as nothing, its members are an error", "[chat]") {
  CHECK(rendered("[{{ nothing }}]") == "[]");
  CHECK_THAT(error_of("{{ nothing.more }}"), Contains("'nothing' is undefined"));
  CHECK_THAT(error_of("{{ messages[0].nothing.more }}"),
             Contains("'dict object' has no attribute 'nothing'"));
}

TEST_CASE("chat: a hostile template ends with an error", "[chat]") {
  const auto [text, expected] = GENERATE(table<std::string, std::string>({
      {"{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}", "steps"},
      {"{% for a in range(999) %}{{ 'x' * 99 }}{% endfor %}", "output"},
      {"{{ 'x' * 999999999999 }}", "too large"},
      {"{% set ns = namespace(s='xx') %}{% for i in range(99) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}",
       "bytes"},
      {"{% set ns = namespace(l=[]) %}{% for i in range(999) %}{% set ns.l = [ns.l] %}{% endfor %}",
       "levels deep"},
      {"{% set ns = namespace(l=[1]) %}{% for i in range(99) %}{% set ns.l = [ns.l, ns.l] %}{% endfor %}",
       "too large"},
      {"{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "levels deep"},
      {"{{ range(999999999) }}", "at most 100000 numbers"},
      {"{{ 'x' | center(999999999999) }}", "bytes"},
      {"{{ '%999999999d' % 1 }}", "width"},
      {"{{ 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'.replace('', 'b' * 60000) }}", "too large"},
  }));
  INFO(text);
  CHECK_THAT(error_of(text, small_limits()), Contains(expected));
}

TEST_CASE("chat: deeply nested syntax is refused", "[chat]") {
  const auto repeat = [](const std::string& part) {
    std::string text;
    for (int i = 0; i < 5000; ++i) text += part;
    return text;
  };
  CHECK_THAT(error_of("{{ " + repeat("(") + "1" + repeat(")") + " }}"), Contains("levels deep"));
  CHECK_THAT(error_of("{{ 1" + repeat("+1") + " }}"), Contains("levels deep"));
  CHECK_THAT(error_of("{{ " + repeat("not ") + "1 }}"), Contains("levels deep"));
  CHECK_THAT(error_of("{{ x" + repeat(".a") + " }}"), Contains("levels deep"));
  CHECK_THAT(error_of(repeat("{% if 1 %}") + repeat("{% endif %}")), Contains("levels deep"));
}

TEST_CASE("chat: a broken template is refused before it is used", "[chat]") {
  CHECK_THROWS_AS(ChatTemplate("{% if x %}", "t"), FormatError);
  CHECK_THROWS_AS(ChatTemplate("\xff", "t"), FormatError);
  jinja::Limits limits;
  limits.template_bytes = 3;
  CHECK_THROWS_AS(ChatTemplate("abcd", "t", limits), FormatError);
}

TEST_CASE("chat: messages that are no list are refused", "[chat]") {
  const ChatTemplate chat("{{ messages }}", "t");
  CHECK_THROWS_WITH(chat.render(Json("text"), {}), Contains("must be a list of maps with role and content"));
}

TEST_CASE("chat: threads may share a template", "[chat]") {
  const ChatTemplate chat(
      "{% set ns = namespace(n=0) %}{% for i in range(50) %}{% set ns.n = ns.n + i %}"
      "{% endfor %}{{ ns.n }}{{ messages[0].content * 3 }}",
      "t");
  std::vector<std::string> results(4);
  std::vector<std::thread> threads;
  for (std::string& result : results)
    threads.emplace_back([&] {
      for (int i = 0; i < 20; ++i) result = chat.render(messages(), {});
    });
  for (std::thread& thread : threads) thread.join();
  for (const std::string& result : results) CHECK(result == "1225hihihi");
}

TEST_CASE("chat: variables of the caller win over all others", "[chat]") {
  ChatOptions options;
  options.add_generation_prompt = false;
  options.variables = {{"messages", Json("own")}, {"range", Json(3)}};
  CHECK(
      ChatTemplate("{{ messages }}{{ range }}{{ add_generation_prompt }}", "t").render(messages(), options) ==
      "own3False");
}

TEST_CASE("chat template: filling a text up to an impossible width ends at the limit", "[chat]") {
  const auto limits = small_limits();
  CHECK_THAT(error_of("{{ 'a'.ljust(9223372036854775807, '\xF0\x9F\x99\x82') }}", limits), Contains("bytes"));
  CHECK_THAT(error_of("{{ 'a'.rjust(4611686018427387905, '\xF0\x9F\x99\x82') }}", limits), Contains("bytes"));
  CHECK_THAT(error_of("{{ 'a'|center(9223372036854775807) }}", limits), Contains("bytes"));
}

TEST_CASE("chat template: parts of a text are counted while they are made", "[chat]") {
  const std::string large = "{% set t = 'a,' * 30000 %}";
  for (const char* use : {"t.split(',')", "t.rsplit(',')", "t.replace(',', '\n').splitlines()", "t[::2]"}) {
    INFO(use);
    jinja::Limits limits = small_limits();
    limits.value_bytes = 400'000;
    CHECK_THAT(error_of(large + "{{ (" + use + ")|length }}", limits), Contains("bytes"));
  }
}

TEST_CASE("chat template: searches and strips do as Python", "[chat]") {
  CHECK(
      rendered(
          "{{ 'abcabc'.rfind('abc') }} {{ 'abc'.rfind('') }} {{ 'abc'.find('') }} {{ 'abc'.rfind('x') }}") ==
      "3 3 0 -1");
  CHECK(rendered("{{ 'a--b--c'.rsplit('--', 1) }}") == "['a--b', 'c']");
  CHECK(rendered("{{ 'aXbXc'.rpartition('X') }}") == "('aXb', 'X', 'c')");
  CHECK(rendered("{{ '\xC3\xA9xya\xC3\xA9'.strip('\xC3\xA9x') }}") == "ya");
  CHECK(rendered("{{ 'aaa'.count('aa') }}{{ 'aa' in 'baab' }}") == "1True");
}

// "aaa...b" in "aaa...": a search that begins anew at each place looks at the product of both lengths.
TEST_CASE("chat template: searches for what is almost there take linear time", "[chat]") {
  const std::string texts = "{% set t = 'a' * 2000000 %}{% set x = 'a' * 500000 %}";
  CHECK(rendered(texts + "{{ (x ~ 'b') in t }} {{ t.rfind('b' ~ x) }} {{ t.find(x ~ 'b') }}") ==
        "False -1 -1");
}

TEST_CASE("chat template: names given with ** are counted, each once", "[chat]") {
  std::string keys = R"([{"role": "user", "content": "hi")";
  for (int i = 0; i < 5000; ++i) keys += ", \"k" + std::to_string(i) + "\": 0";
  const Json messages = parse_json(keys + "}]", "test");
  jinja::Limits limits = small_limits();
  limits.steps = 4000;
  const auto result = [&](const std::string& arguments) {
    const std::string text = "{% macro f() %}{{ kwargs|length }}{% endmacro %}{{ f(" + arguments + ") }}";
    return ChatTemplate(text, "t", limits).render(messages, {});
  };
  CHECK(result("a=1") == "1");
  CHECK_THROWS_WITH(result("**messages[0]"), Contains("steps"));
  CHECK(error_of("{{ dict(a=1, **{'b': 2}).b }}") == "no error");
  CHECK_THAT(error_of("{{ dict(a=1, **{'a': 2}) }}"), Contains("the argument 'a' is given twice"));
}

TEST_CASE("chat template: a search from the end finds what Python finds", "[chat]") {
  CHECK(rendered("{{ 'abababa'.rfind('aba') }} {{ 'aabaa'.rfind('aab') }} {{ 'abc'.rfind('abcd') }} {{ "
                 "'abc'.rfind('') }}") == "4 0 -1 3");
  CHECK(rendered("{{ 'a-b--c'.rpartition('--') }}") == "('a-b', '--', 'c')");
  CHECK(rendered(
            "{{ ('a' * 3000 ~ 'b').rfind('a' * 1000) }} {{ ('b' ~ 'a' * 3000).rfind('b' ~ 'a' * 3000) }}") ==
        "2000 0");
}
