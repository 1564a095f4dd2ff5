#include "judge_text.hpp"

#include "forward/token_ids.hpp"
#include "progress_bar.hpp"
#include "running_model.hpp"

#include <polyquant/base/error.hpp>
#include <polyquant/base/file.hpp>
#include <polyquant/base/log.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <optional>

namespace pq::cli {
namespace {

constexpr std::uint64_t kMaxTextBytes = std::uint64_t{1} << 30;

std::vector<std::int32_t> tokens_of(RunningModel& model, const std::string& text) {
  return model.tokenizer()->encode(text);
}

void check_same_tokens(const std::vector<std::int32_t>& tokens, RunningModel& reference,
                       const std::string& text) {
  const std::vector<std::int32_t> others = tokens_of(reference, text);
  const auto differ = std::mismatch(tokens.begin(), tokens.end(), others.begin(), others.end());
  if (differ.first == tokens.end() && differ.second == others.end()) return;
  throw ConfigError(
      fmt::format("the tokenizers of the two models differ: token {} of the text is another one; only models "
                  "with the same "
                  "tokens can be compared",
                  differ.first - tokens.begin()));
}

void check_ids(const std::vector<std::int32_t>& tokens, const ForwardModel& model) {
  check_tokenizer_ids(tokens, model.vocabulary());
}

}  // namespace

void add_text_options(CLI::App& verb, TextRequest& request, bool required) {
  CLI::Option* text =
      verb.add_option("--text", request.text, "The text to predict, a file; its bytes are taken as they are.")
          ->type_name("FILE");
  if (required) text->required();
  const auto needs = [&](CLI::Option* option) {
    if (!required) option->needs(text);
  };
  needs(verb.add_option("--context", request.context, "Tokens of a chunk; the second half of each is scored.")
            ->check(CLI::Range(std::int64_t{4}, std::int64_t{1} << 20))
            ->capture_default_str());
  needs(verb.add_option("--chunks", request.chunks, "Score only the first N chunks; 0 means all.")
            ->check(CLI::Range(std::int64_t{0}, std::int64_t{1} << 40))
            ->capture_default_str());
  needs(verb.add_option("--backend", request.backend, "Where the maths runs.")->type_name("BACKEND"));
}

ScoreReport judge_text(Session& session, const std::string& model, const std::string& reference,
                       const TextRequest& request) {
  const auto start = std::chrono::steady_clock::now();
  const std::string text = read_text_file(request.text, kMaxTextBytes);
  RunningModel judged(session, model, request.backend);
  std::unique_ptr<RunningModel> other;
  const std::vector<std::int32_t> tokens = tokens_of(judged, text);
  check_ids(tokens, judged.model());
  if (!reference.empty()) {
    other = std::make_unique<RunningModel>(session, reference, request.backend);
    check_same_tokens(tokens, *other, text);
  }
  const TokenizerFacts& facts = judged.tokenizer()->facts();
  const TextChunks chunks =
      cut_chunks(tokens, request.context, request.chunks, facts.adds_bos ? facts.bos : -1);
  const auto count = static_cast<std::int64_t>(chunks.inputs.size());
  ProgressBar bar(session.shows_progress());
  const Judged one{judged.pass(), judged.device()};
  std::optional<Judged> two;
  if (other) two.emplace(Judged{other->pass(), other->device()});
  const TextScores scores = score_text(one, two ? &*two : nullptr, chunks, session.executor(),
                                       [&](std::int64_t done, const TextScores& so_far) {
                                         bar.show(done, count);
                                         log::debug(fmt::format("chunk {} of {}: perplexity {:.4f}", done,
                                                                count, perplexity(so_far.nll).value));
                                       });
  bar.finish();
  ScoreReport report;
  report.statistics = statistics_of(scores);
  report.context = request.context;
  report.chunks = count;
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return report;
}

}  // namespace pq::cli
