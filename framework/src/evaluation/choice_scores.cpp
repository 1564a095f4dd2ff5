#include "evaluation/choice_scores.hpp"

#include "evaluation/softmax_rows.hpp"
#include "tokenizer/unicode.hpp"

#include <polyquant/base/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>

namespace pq {
namespace {

constexpr std::int64_t kGroupTokens = 8192;  // that run together: some batches, so that progress is seen

/// Where the white space at the end begins.
std::size_t stripped_size(std::string_view text) {
  std::size_t size = 0;
  for (std::size_t at = 0; at < text.size();)
    if (!is_whitespace(next_character(text, at))) size = at;
  return size;
}

ChoiceTokens tokenize(const Choice& choice, const std::string& place, const Tokenizer& tokenizer) {
  const std::size_t end = stripped_size(choice.context);
  const std::string context = choice.context.substr(0, end);
  const TokenizerFacts& facts = tokenizer.facts();
  const EncodeOptions plain{false, false};
  ChoiceTokens result;
  if (facts.adds_bos && facts.bos >= 0) result.tokens.push_back(facts.bos);
  result.begin = result.tokens.size() + tokenizer.encode(context, plain).size();
  const std::vector<std::int32_t> whole =
      tokenizer.encode(context + choice.context.substr(end) + choice.continuation, plain);
  result.tokens.insert(result.tokens.end(), whole.begin(), whole.end());
  if (result.begin == 0)
    throw FormatError(
        fmt::format("{}: the context is empty, and the model adds no BOS that could stand for it; "
                    "give a context",
                    place));
  if (result.begin >= result.tokens.size())
    throw FormatError(
        fmt::format("{}: the choice '{}' has no token of its own behind its context; change the text", place,
                    choice.continuation));
  return result;
}

/// With how many tokens all choices begin; each keeps at least its last.
std::size_t shared_tokens(const std::vector<ChoiceTokens>& choices) {
  std::size_t shared = choices.front().tokens.size() - 1;
  for (const ChoiceTokens& choice : choices) {
    shared = std::min(shared, choice.tokens.size() - 1);
    const auto& first = choices.front().tokens;
    const auto differ = std::mismatch(first.begin(), first.begin() + static_cast<std::ptrdiff_t>(shared),
                                      choice.tokens.begin());
    shared = static_cast<std::size_t>(differ.first - first.begin());
  }
  return shared;
}

/// The sequences of some questions, run together.
class Group {
 public:
  void add(std::size_t question, bool one_context, std::vector<ChoiceTokens> choices) {
    const std::size_t common = std::max<std::size_t>(1, shared_tokens(choices));
    for (std::size_t c = 0; c < choices.size(); ++c) {
      ChoiceTokens& choice = choices[c];
      const std::size_t shared = one_context ? common : choice.begin;
      for (std::size_t t = std::min(shared, choice.begin); t < choice.tokens.size(); ++t)
        wanted_.push_back({question, c, tokens_ + static_cast<std::int64_t>(t) - 1, choice.tokens[t],
                           t >= choice.begin, t >= shared});
      choice.tokens.pop_back();  // nothing follows the last
      tokens_ += static_cast<std::int64_t>(choice.tokens.size());
      inputs_.push_back(std::move(choice.tokens));
    }
  }
  std::int64_t tokens() const { return tokens_; }

  void score(Judged model, const std::vector<ChoiceQuestion>& questions, Executor& executor,
             std::vector<std::vector<ChoiceScore>>& scores) const {
    ResidualRun run(model, inputs_);
    std::vector<double> log_probabilities(wanted_.size());
    for (std::size_t done = 0; done < wanted_.size(); done += kHeadRows) {
      const std::size_t count = std::min(static_cast<std::size_t>(kHeadRows), wanted_.size() - done);
      std::vector<std::int64_t> rows;
      for (std::size_t i = done; i < done + count; ++i) rows.push_back(wanted_[i].row);
      const ConstMatrix logits = run.logits(rows);
      executor.for_ranges(logits.rows, 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t r = begin; r < end; ++r) {
          const std::size_t at = done + static_cast<std::size_t>(r);
          log_probabilities[at] = log_probability(logits.row(r), wanted_[at], questions);
        }
      });
    }
    for (std::size_t i = 0; i < wanted_.size(); ++i) add(wanted_[i], log_probabilities[i], scores);
  }

 private:
  struct Wanted {
    std::size_t question, choice;
    std::int64_t row;  // whose logits predict the token
    std::int32_t token;
    bool continues, own;  // belongs to the continuation, is not shared by all choices
  };
  static double log_probability(std::span<const float> logits, const Wanted& wanted,
                                const std::vector<ChoiceQuestion>& questions) {
    if (!all_finite(logits))
      throw FormatError(
          fmt::format("{}: the logits of the model are not finite; the model is damaged, or its "
                      "numbers are too large for f32",
                      questions[wanted.question].place));
    return static_cast<double>(logits[static_cast<std::size_t>(wanted.token)]) - log_sum_exp(logits);
  }
  static void add(const Wanted& wanted, double log_probability,
                  std::vector<std::vector<ChoiceScore>>& scores) {
    ChoiceScore& score = scores[wanted.question][wanted.choice];
    if (wanted.continues) {
      score.sum += log_probability;
      ++score.tokens;
    }
    if (wanted.own) {
      score.own_sum += log_probability;
      ++score.own_tokens;
    }
  }

  std::vector<std::vector<std::int32_t>> inputs_;
  std::vector<Wanted> wanted_;
  std::int64_t tokens_ = 0;
};

void check_ids(const std::vector<ChoiceTokens>& choices, const ForwardModel& model,
               const std::string& place) {
  for (const ChoiceTokens& choice : choices)
    for (const std::int32_t id : choice.tokens)
      if (id >= model.vocabulary())
        throw FormatError(
            fmt::format("{}: the tokenizer gives the token {}, but the model has {} only; the files do "
                        "not belong together",
                        place, id, model.vocabulary()));
}

template <class Value>
bool is_right(const std::vector<ChoiceScore>& scores, std::size_t right, const Value& value) {
  const auto best =
      std::max_element(scores.begin(), scores.end(), [&](const ChoiceScore& a, const ChoiceScore& b) {
        return value(a) < value(b);  // of equal ones the first
      });
  return static_cast<std::size_t>(best - scores.begin()) == right;
}

template <class Value>
Measured share(const std::vector<ChoiceQuestion>& questions,
               const std::vector<std::vector<ChoiceScore>>& scores, const Value& value) {
  double right = 0;
  for (std::size_t q = 0; q < questions.size(); ++q)
    right += is_right(scores[q], questions[q].right, value) ? 1 : 0;
  const auto n = static_cast<double>(questions.size());
  const double p = right / n;
  return {p, n > 1 ? std::sqrt(p * (1 - p) / (n - 1)) : 0.0};
}

}  // namespace

std::vector<ChoiceTokens> tokenize(const ChoiceQuestion& question, const Tokenizer& tokenizer) {
  std::vector<ChoiceTokens> result;
  for (const Choice& choice : question.choices) result.push_back(tokenize(choice, question.place, tokenizer));
  return result;
}

std::vector<std::vector<ChoiceScore>> score_choices(Judged model, const Tokenizer& tokenizer,
                                                    const std::vector<ChoiceQuestion>& questions,
                                                    Executor& executor, const ChoiceProgress& progress) {
  std::vector<std::vector<ChoiceScore>> scores;
  const auto total = static_cast<std::int64_t>(questions.size());
  auto group = std::make_unique<Group>();
  for (std::size_t q = 0; q < questions.size(); ++q) {
    std::vector<ChoiceTokens> choices = tokenize(questions[q], tokenizer);
    check_ids(choices, model.pass.model(), questions[q].place);
    scores.emplace_back(choices.size());
    for (std::size_t c = 0; c < choices.size(); ++c)
      scores[q][c].characters = questions[q].choices[c].characters;
    group->add(q, questions[q].one_context, std::move(choices));
    if (group->tokens() < kGroupTokens && q + 1 < questions.size()) continue;
    group->score(model, questions, executor, scores);
    group = std::make_unique<Group>();
    progress(static_cast<std::int64_t>(q + 1), total);
  }
  return scores;
}

ChoiceAccuracy accuracy_of(const std::vector<ChoiceQuestion>& questions,
                           const std::vector<std::vector<ChoiceScore>>& scores) {
  ChoiceAccuracy result;
  result.questions = static_cast<std::int64_t>(questions.size());
  result.acc = share(questions, scores, [](const ChoiceScore& s) { return s.sum; });
  result.acc_norm = share(questions, scores,
                          [](const ChoiceScore& s) { return s.sum / static_cast<double>(s.characters); });
  if (std::all_of(questions.begin(), questions.end(), [](const ChoiceQuestion& q) { return q.one_context; }))
    result.acc_norm_tok = share(questions, scores, [](const ChoiceScore& s) {
      return s.own_sum / static_cast<double>(s.own_tokens);
    });
  return result;
}

}  // namespace pq
