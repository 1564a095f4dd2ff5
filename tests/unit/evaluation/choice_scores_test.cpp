// Scores of choices beside the definition: every sequence run alone, softmax in f64.
#include "evaluation/choice_scores.hpp"

#include "forward/tiny_forward.hpp"
#include "model/open_tokenizer.hpp"
#include "model/tiny_model.hpp"

#include <polyquant/base/error.hpp>

#include <catch2/catch.hpp>

#include <cmath>

using namespace pq;
using Catch::Contains;

namespace {

constexpr double kF32 = 1e-4;  // of sums of log-probabilities whose logits differ by some roundings

struct Fixture {
  std::filesystem::path folder = tiny::folder("llama");
  std::shared_ptr<const ModelReader> reader = tiny::open_folder(folder);
  tiny::Runner runner{reader, folder};
  Tokenizer tokenizer = open_tokenizer({nullptr, reader}, folder);
  ForwardPass pass{runner.model(), runner.weights(), runner.device(), runner.pool()};

  std::vector<std::vector<ChoiceScore>> scores(const std::vector<ChoiceQuestion>& questions) {
    return score_choices({pass, runner.device()}, tokenizer, questions, runner.pool(),
                         [](std::int64_t, std::int64_t) {});
  }
  /// Sum over the tokens from `begin` on.
  double plain_sum(const std::vector<std::int32_t>& tokens, std::size_t begin) {
    const std::vector<float> logits = runner.logits({tokens});
    const auto width = static_cast<std::size_t>(runner.model().vocabulary());
    double sum = 0;
    for (std::size_t t = begin; t < tokens.size(); ++t) {
      const float* row = logits.data() + (t - 1) * width;
      double total = 0;
      for (std::size_t v = 0; v < width; ++v) total += std::exp(double{row[v]});
      sum += double{row[static_cast<std::size_t>(tokens[t])]} - std::log(total);
    }
    return sum;
  }
};

ChoiceQuestion question(const std::string& line) { return parse_question(line, "q:1"); }

ChoiceScore score(double sum, std::int64_t characters, double own_sum, std::int64_t own_tokens) {
  return {sum, own_sum, 1, own_tokens, characters};
}

}  // namespace

TEST_CASE("choices: scores are those of every sequence run alone", "[evaluation][choices]") {
  Fixture fixture;
  const std::vector<ChoiceQuestion> questions = {
      question(R"({"context": "the cat is ", "choices": ["the dog", "the dot on it", "a"], "label": 0})"),
      question(R"({"contexts": ["one", "two and"], "continuation": "is more", "label": 1})")};
  const auto scores = fixture.scores(questions);
  REQUIRE(scores.size() == 2);
  for (std::size_t q = 0; q < questions.size(); ++q) {
    const auto choices = tokenize(questions[q], fixture.tokenizer);
    REQUIRE(scores[q].size() == choices.size());
    for (std::size_t c = 0; c < choices.size(); ++c) {
      INFO(q << " " << c);
      CHECK(scores[q][c].sum == Approx(fixture.plain_sum(choices[c].tokens, choices[c].begin)).epsilon(kF32));
      CHECK(scores[q][c].tokens == static_cast<std::int64_t>(choices[c].tokens.size() - choices[c].begin));
      CHECK(scores[q][c].own_tokens <= scores[q][c].tokens);
    }
  }
}

TEST_CASE("choices: tokens that all choices share are not counted by acc_norm_tok", "[evaluation][choices]") {
  Fixture fixture;
  const auto two = question(R"({"context": "a", "choices": ["the dog", "the dot"], "label": 0})");
  const auto choices = tokenize(two, fixture.tokenizer);
  std::size_t shared = choices[0].begin;
  while (choices[0].tokens[shared] == choices[1].tokens[shared]) ++shared;
  REQUIRE(shared > choices[0].begin);
  const auto scores = fixture.scores({two});
  for (std::size_t c = 0; c < 2; ++c) {
    CHECK(scores[0][c].own_tokens == static_cast<std::int64_t>(choices[c].tokens.size() - shared));
    CHECK(scores[0][c].own_sum == Approx(fixture.plain_sum(choices[c].tokens, shared)).epsilon(kF32));
  }
}

TEST_CASE("choices: white space at the end of a context belongs to the continuation",
          "[evaluation][choices]") {
  Fixture fixture;
  const std::string space = GENERATE(" ", R"(\n)", R"( \n\t )", R"(\u00a0)");
  INFO(space);
  const auto with = tokenize(
      question(R"({"context": "a)" + space + R"(", "choices": ["b", "c"], "delimiter": "", "label": 0})"),
      fixture.tokenizer);
  const auto without = tokenize(
      question(R"({"context": "a", "choices": ["b", "c"], "delimiter": ")" + space + R"(", "label": 0})"),
      fixture.tokenizer);
  CHECK(with[0].tokens == without[0].tokens);
  CHECK(with[0].begin == without[0].begin);
}

TEST_CASE("choices: accuracies pick by sum, by character and by token", "[evaluation][choices]") {
  std::vector<ChoiceQuestion> questions(2);
  questions[0].right = 0;
  questions[1].right = 1;
  const std::vector<std::vector<ChoiceScore>> scores = {
      {score(-4, 8, -4, 4), score(-3, 2, -3, 2)},   // sum: 1, characters: 0, tokens: 0
      {score(-2, 2, -2, 1), score(-2, 4, -6, 2)}};  // sum: equal, so 0; characters: 1; tokens: 0
  const ChoiceAccuracy result = accuracy_of(questions, scores);
  CHECK(result.questions == 2);
  CHECK(result.acc.value == 0);
  CHECK(result.acc_norm.value == 1);
  CHECK(result.acc_norm_tok->value == 0.5);
  CHECK(result.acc_norm_tok->stderr_ == Approx(0.5));  // sqrt(0.5 * 0.5 / 1)
  questions[0].one_context = false;
  CHECK_FALSE(accuracy_of(questions, scores).acc_norm_tok);
}

TEST_CASE("choices: a question without a token to begin with is refused", "[evaluation][choices]") {
  const auto folder = tiny::folder("qwen2");
  const Tokenizer tokenizer = open_tokenizer({nullptr, tiny::open_folder(folder)}, folder);
  REQUIRE_FALSE(tokenizer.facts().adds_bos);
  CHECK_THROWS_WITH(tokenize(question(R"({"context": "", "choices": ["b", "c"], "label": 0})"), tokenizer),
                    Contains("q:1: the context is empty"));
}
