#include "evaluation/choice_questions.hpp"

#include "calibration/support.hpp"

#include <polyquant/base/error.hpp>

#include <catch2/catch.hpp>

using Catch::Contains;
using pq::parse_question;

TEST_CASE("choices: HellaSwag's texts lose their marks as in lm-evaluation-harness",
          "[evaluation][choices]") {
  // strip; " [title]" to ". "; delete [..] on one line; two blanks to one, once.
  CHECK(pq::without_wikihow_marks("  How to [title] Begin [step] now.\n") == "How to. Begin now.");
  CHECK(pq::without_wikihow_marks("a [b\nc] d") == "a [b\nc] d");
  CHECK(pq::without_wikihow_marks("a [b [c] d]") == "a d]");
  CHECK(pq::without_wikihow_marks("four    blanks") == "four  blanks");
  CHECK(pq::without_wikihow_marks("[substeps]") == "");
  CHECK(pq::capitalized("tHE NBA") == "The nba");
  CHECK(pq::capitalized("\xc3\xa9T\xc3\x89") == "\xc3\x89t\xc3\xa9");  // éTÉ
  CHECK(pq::capitalized("") == "");
}

TEST_CASE("choices: a line of HellaSwag becomes a query and four endings", "[evaluation][choices]") {
  const auto question = parse_question(
      R"({"ind": 24, "activity_label": "Roof", "ctx_a": "A man is on a roof.", "ctx_b": "he", "ctx": "unused",
          "endings": ["sleeps.", "pulls up [substeps] tiles.", "s\u00e9", "d"], "label": 1})",
      "f:1");
  REQUIRE(question.choices.size() == 4);
  CHECK(question.choices[3].context == "Roof: A man is on a roof. He");
  CHECK(question.choices[1].continuation == " pulls up tiles.");
  CHECK(question.choices[1].characters == 15);
  CHECK(question.choices[2].characters == 2);
  CHECK(question.right == 1);
  CHECK(question.one_context);
}

TEST_CASE("choices: neutral lines have one context or several", "[evaluation][choices]") {
  const auto mmlu = parse_question(R"({"context": "Answer:", "choices": ["A", "B"], "label": 1})", "f:1");
  CHECK(mmlu.choices[1].context == "Answer:");
  CHECK(mmlu.choices[1].continuation == " B");
  const auto wino = parse_question(
      R"({"contexts": ["The cat", "The dog"], "continuation": "barks.", "label": 1, "id": 3})", "f:1");
  CHECK(wino.choices[0].context == "The cat");
  CHECK(wino.choices[0].continuation == wino.choices[1].continuation);
  CHECK_FALSE(wino.one_context);
  const auto joined =
      parse_question(R"({"context": "x", "choices": ["A", "B"], "delimiter": "", "label": 0})", "f:1");
  CHECK(joined.choices[0].continuation == "A");
}

TEST_CASE("choices: a line that is no question is refused with its place", "[evaluation][choices]") {
  const auto [line, message] = GENERATE(table<std::string, std::string>({
      {"{}", "f.jsonl:7: a line is a map with 'label' and one of 'endings'"},
      {"[1]", "f.jsonl:7: a line is a map"},
      {"{\"choices\"", "f.jsonl:7"},
      {R"({"choices": ["a", "b"], "label": 0})", "f.jsonl:7: 'context' is missing"},
      {R"({"context": "c", "choices": ["a"], "label": 0})", "'choices' must be a list of at least two texts"},
      {R"({"context": "c", "choices": ["a", 2], "label": 0})", "'choices' must hold texts, not a number"},
      {R"({"context": "c", "choices": ["a", "b"], "label": 2})",
       "'label' must be the number of the right choice, 0 to 1, not 2"},
      {R"({"context": "c", "choices": ["a", "b"], "label": "x"})", "0 to 1, not \"x\""},
      {R"({"context": "c", "choices": ["a", "b"], "label": -1})", "not -1"},
      {R"({"context": "c", "choices": ["a", "b"]})", "'label' is missing"},
      {R"({"context": "c", "choices": ["a", " "], "label": 0})", "a choice is empty"},
  }));
  INFO(line);
  CHECK_THROWS_WITH(parse_question(line, "f.jsonl:7"), Contains(message));
  CHECK_THROWS_AS(parse_question(line, "f.jsonl:7"), pq::FormatError);
}

TEST_CASE("choices: a file has a question per line, and blank lines count", "[evaluation][choices]") {
  const pq::test::TemporaryFolder folder;
  const auto path = folder / "q.jsonl";
  std::ofstream(path) << R"({"context": "a", "choices": ["b", "c"], "label": "1"})"
                      << "\n\n"
                      << R"({"context": "d", "choices": ["e", "f"], "label": 0})";
  const auto questions = pq::read_questions(path);
  REQUIRE(questions.size() == 2);
  CHECK(questions[0].right == 1);
  CHECK_THAT(questions[1].place, Catch::EndsWith("q.jsonl:3"));
  std::ofstream(path) << "\n";
  CHECK_THROWS_WITH(pq::read_questions(path), Contains("there is no question in it"));
}

TEST_CASE("choices: a part of the questions is spread over all", "[evaluation][choices]") {
  std::vector<pq::ChoiceQuestion> questions(10);
  for (std::size_t i = 0; i < questions.size(); ++i) questions[i].right = i;
  const auto some = pq::spread_questions(questions, 4);
  REQUIRE(some.size() == 4);
  CHECK(some[1].right == 2);
  CHECK(some[3].right == 7);
  CHECK(pq::spread_questions(questions, 0).size() == 10);
  CHECK(pq::spread_questions(questions, 11).size() == 10);
}
