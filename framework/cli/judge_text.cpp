#include "judge_text.hpp"

#include "calibration/documents.hpp"
#include "evaluation/log_prob_file.hpp"
#include "forward/activation_modes.hpp"
#include "forward/token_ids.hpp"
#include "number_option.hpp"
#include "plan/replaceable.hpp"
#include "plan/source_files.hpp"
#include "progress_bar.hpp"

#include <polyquant/base/error.hpp>
#include <polyquant/base/file.hpp>
#include <polyquant/base/log.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <numeric>
#include <utility>

namespace pq::cli {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint64_t kMaxTextBytes = std::uint64_t{1} << 30;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

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

/// Keeps open what the predictions of a judgement need.
class TextJudgement::Reference {
 public:
  Reference(Session& session, const std::string& path, const TextRequest& request)
      : activations_(name_of(request.activations)) {
    if (path.empty()) return;
    if (LogProbFile::recognises(path))
      file_ = std::make_shared<const LogProbFile>(path);
    else
      model_ = std::make_unique<RunningModel>(session, path, request.backend, request.activations);
  }
  /// Refuses a reference that has other tokens.
  void check(const std::vector<std::int32_t>& tokens, const std::string& text) {
    if (model_) check_same_tokens(tokens, *model_, text);
  }
  bool runs() const { return model_ != nullptr; }
  bool is_file() const { return file_ != nullptr; }
  /// What is read of it.
  std::vector<std::filesystem::path> files() const {
    if (file_) return {file_->path()};
    return model_ ? source_files(model_->path(), *model_->opened().reader)
                  : std::vector<std::filesystem::path>();
  }
  /// nullptr without a reference.
  std::unique_ptr<Predictions> predictions(const TextChunks& chunks, std::int64_t vocabulary) {
    if (file_) {
      check_same_text(*file_, chunks, vocabulary);
      if (const std::string other = other_activations(*file_, activations_); !other.empty())
        log::warning(other);
    }
    if (file_) return kept_predictions(file_);
    return model_ ? running_predictions({model_->pass(), model_->device()}) : nullptr;
  }

 private:
  std::string activations_;
  std::shared_ptr<const LogProbFile> file_;
  std::unique_ptr<RunningModel> model_;
};

namespace {

/// What is known after some chunks.
std::string estimate_text(const TextScores& so_far) {
  const Measured value = perplexity(so_far.nll);
  std::string text = fmt::format("perplexity {:.4f} ± {:.4f}", value.value, value.stderr_);
  if (so_far.kld.empty()) return text;
  const double sum = std::accumulate(so_far.kld.begin(), so_far.kld.end(), 0.0);
  return text + fmt::format(", KL divergence {:.5f}", sum / static_cast<double>(so_far.kld.size()));
}

TextScores score_chunks(Session& session, Predictions& model, Predictions* reference,
                        const TextChunks& chunks) {
  const auto count = static_cast<std::int64_t>(chunks.inputs.size());
  ProgressBar bar(session.shows_progress());
  TextScores scores = score_text(model, reference, chunks, session.executor(),
                                 [&](std::int64_t done, const TextScores& so_far) {
                                   const std::string estimate = estimate_text(so_far);
                                   bar.show(done, count, estimate);
                                   log::debug(fmt::format("chunk {} of {}: {}", done, count, estimate));
                                 });
  bar.finish();
  return scores;
}

/// As score_chunks(), and the predictions of the reference, or of the model without one, are written to a file.
TextScores score_and_keep(Session& session, Predictions& model, Predictions* reference,
                          const TextChunks& chunks, const TextRequest& request) {
  make_parent_folder(request.keep_reference, "choose another place with --keep-reference");
  LogProbWriter writer(request.keep_reference, chunks, model.vocabulary(), name_of(request.activations));
  const auto recorded = recorded_predictions(reference == nullptr ? model : *reference, writer);
  TextScores scores = reference == nullptr ? score_chunks(session, *recorded, nullptr, chunks)
                                           : score_chunks(session, model, recorded.get(), chunks);
  writer.seal();
  return scores;
}

}  // namespace

void add_text_options(CLI::App& verb, TextRequest& request) {
  CLI::Option* text =
      verb.add_option("--text", request.text, "The text to predict, a file; its bytes are taken as they are.")
          ->type_name("FILE");
  between(
      verb.add_option("--context", request.context, "Tokens of a chunk; the second half of each is scored."),
      std::int64_t{4}, std::int64_t{1} << 20)
      ->capture_default_str()
      ->needs(text);
  between(verb.add_option("--chunks", request.chunks, "Score only the first N chunks; 0 means all."),
          std::int64_t{0}, std::int64_t{1} << 40)
      ->capture_default_str()
      ->needs(text);
  CLI::Option* keep =
      verb.add_option(
              "--keep-reference", request.keep_reference,
              "Keep the predictions of the reference in a file that --reference takes in its place; without "
              "a "
              "reference those of MODEL. The format is that of llama-perplexity's --kl-divergence-base.")
          ->type_name("FILE")
          ->check([](const std::string& name) { return name.empty() ? "give the name of a file" : ""; })
          ->needs(text);
  verb.add_flag("--force", request.force, "Replace a file of --keep-reference that exists.")->needs(keep);
  verb.add_option("--backend", request.backend, "Where the maths runs.")->type_name("BACKEND");
  add_activations_option(verb, request.activations);
}

TextJudgement::TextJudgement(Session& session, RunningModel& model, const std::string& reference,
                             TextRequest request)
    : session_(session), model_(model), request_(std::move(request)) {
  const auto start = Clock::now();
  const std::string text = read_text_file(request_.text, kMaxTextBytes);
  refuse_binary(text, request_.text);
  reference_ = std::make_unique<Reference>(session, reference, request_);
  check_target();
  const std::vector<std::int32_t> tokens = tokens_of(model, text);
  check_ids(tokens, model.model());
  reference_->check(tokens, text);
  const TokenizerFacts& facts = model.tokenizer()->facts();
  chunks_ = cut_chunks(tokens, request_.context, request_.chunks, facts.adds_bos ? facts.bos : -1);
  prepared_seconds_ = seconds_since(start);
}

TextJudgement::~TextJudgement() = default;

void TextJudgement::check_target() const {
  if (request_.keep_reference.empty()) return;
  if (reference_->is_file())
    throw ConfigError(
        "--keep-reference needs a model that runs, but --reference is a file of log-probabilities already");
  std::vector<std::filesystem::path> inputs = reference_->files();
  inputs.emplace_back(request_.text);
  inputs.insert(inputs.end(), request_.also_read.begin(), request_.also_read.end());
  const ReadNames read(model_.path(), source_files(model_.path(), *model_.opened().reader), inputs);
  check_new_file(request_.keep_reference, read, request_.force);
}

ScoreReport TextJudgement::score() {
  const auto start = Clock::now();
  const auto one = running_predictions({model_.pass(), model_.device()});
  const auto two = reference_->predictions(chunks_, one->vocabulary());
  const auto ready = Clock::now();
  const TextScores scores = request_.keep_reference.empty()
                                ? score_chunks(session_, *one, two.get(), chunks_)
                                : score_and_keep(session_, *one, two.get(), chunks_, request_);
  ScoreReport report;
  report.statistics = statistics_of(scores);
  report.context = request_.context;
  report.chunks = static_cast<std::int64_t>(chunks_.inputs.size());
  report.seconds = prepared_seconds_ + seconds_since(start);
  const auto tokens_run = static_cast<double>(report.chunks * report.context * (reference_->runs() ? 2 : 1));
  report.tokens_per_second = tokens_run / seconds_since(ready);
  report.activations = name_of(request_.activations);
  return report;
}

}  // namespace pq::cli
