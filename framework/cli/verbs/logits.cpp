// polyquant logits: what a model answers to some tokens, as f32 on standard output.
#include "evaluation/softmax_rows.hpp"
#include "forward/forward_pass.hpp"
#include "forward/token_ids.hpp"
#include "model/open_tokenizer.hpp"
#include "plan/choose_backend.hpp"
#include "running_model.hpp"
#include "session.hpp"
#include "verbs.hpp"

#include <polyquant/base/error.hpp>
#include <polyquant/base/node.hpp>
#include <polyquant/base/text.hpp>

#include <unistd.h>

#include <charconv>

namespace pq::cli {
namespace {

constexpr std::int64_t kRowsAtATime = 64;  // of logits: 64 MiB for a vocabulary of 262144

struct Options {
  std::string model, tokens, text, backend = "auto";
  ActivationMode activations = ActivationMode::exact;
  bool has_tokens = false, has_text = false, parse_special = false, no_special = false, last = false;
};

std::int32_t parse_token(std::string_view text, const std::string& whole) {
  std::int32_t id = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (text.empty() || error != std::errc() || end != text.data() + text.size())
    throw ConfigError("--tokens must be token ids with commas between them, such as 1,2,3, got '" + whole +
                      "'");
  return id;
}

std::vector<std::int32_t> parse_tokens(const std::string& text) {
  std::vector<std::int32_t> tokens;
  if (text.empty()) return tokens;
  for (std::size_t from = 0; from <= text.size();) {
    const std::size_t to = std::min(text.find(',', from), text.size());
    std::string_view part = std::string_view(text).substr(from, to - from);
    while (part.starts_with(' ')) part.remove_prefix(1);
    while (part.ends_with(' ')) part.remove_suffix(1);
    tokens.push_back(parse_token(part, text));
    from = to + 1;
  }
  return tokens;
}

std::vector<std::int32_t> tokens_of(const Options& options, const OpenedModel& model) {
  if (options.has_tokens) return parse_tokens(options.tokens);
  return open_tokenizer(model, options.model)
      .encode(options.text, EncodeOptions{!options.no_special, options.parse_special});
}

// Rows that begin with that of token `first`.
void check_finite(ConstMatrix logits, std::int64_t first, const std::string& model) {
  for (std::int64_t r = 0; r < logits.rows; ++r)
    if (!all_finite(logits.row(r)))
      throw FormatError(model + ": the logits of token " + std::to_string(first + r) +
                        " are not finite; the file is damaged, or its numbers are too large for f32");
}

void check_tokens(const std::vector<std::int32_t>& tokens, const ForwardModel& model,
                  const Options& options) {
  if (tokens.empty())
    throw ConfigError("there are no tokens to run; give at least one with --tokens, or a longer --text");
  if (options.has_text) check_tokenizer_ids(tokens, model.vocabulary());
  for (const std::int32_t token : tokens)
    if (token < 0 || token >= model.vocabulary())
      throw ConfigError("token " + std::to_string(token) + " does not exist; the model has the tokens 0 to " +
                        std::to_string(model.vocabulary() - 1));
}

void logits(Session& session, const Options& options) {
  if (int{options.has_tokens} + int{options.has_text} != 1)
    throw ConfigError("give one of --tokens 1,2,3 and --text TEXT");
  if (::isatty(STDOUT_FILENO) == 1)
    throw ConfigError(
        "the logits are binary (little-endian f32) and would garble the terminal; redirect them: polyquant "
        "logits ... > logits.f32");
  const OpenedModel opened = open_model(options.model, session.registry());
  const ForwardModel model(opened, options.model);
  const std::vector<std::vector<std::int32_t>> texts = {tokens_of(options, opened)};
  check_tokens(texts[0], model, options);
  const auto device =
      choose_backend(Node::scalar(options.backend), session.registry()).open(session.executor());
  const auto weights = stored_weights(
      model.view(), [&session](const std::string& spec) { return session.registry().find_encoding(spec); },
      options.activations);
  ForwardPass pass(model, *weights, *device, session.executor());
  const std::vector<Batch> batches = make_batches(texts, static_cast<std::int64_t>(texts[0].size()));
  const auto store = memory_store(batches[0].rows(), model.hidden_cols());
  std::vector<float> values;
  ForwardPass::Wanted wanted;
  wanted.last_only = options.last;
  wanted.head_rows = kRowsAtATime;
  wanted.logits = [&](std::size_t, std::int64_t first, const DeviceMatrix& rows) {
    values.resize(static_cast<std::size_t>(rows.rows() * rows.cols()));
    const Matrix matrix{values.data(), rows.rows(), rows.cols(), rows.cols()};
    device->download(rows, matrix);
    check_finite(matrix, options.last ? batches[0].rows() - 1 : first, options.model);
    session.print({reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)});
  };
  pass.run(batches, *store, wanted);
}

}  // namespace

void add_logits(CLI::App& app, Session& session) {
  const auto options = std::make_shared<Options>();
  CLI::App* verb = app.add_subcommand("logits",
                                      "Run a model of any format and write its logits to standard output: "
                                      "one row of little-endian f32 per token, as "
                                      "wide as the vocabulary.");
  verb->add_option("MODEL", options->model, "A model's file or folder.")->required()->type_name("PATH");
  const CLI::Option* tokens =
      verb->add_option("--tokens", options->tokens, "Token ids with commas between them.")->type_name("IDS");
  CLI::Option* text =
      verb->add_option("--text", options->text, "A text for the model's tokenizer.")->type_name("TEXT");
  verb->add_flag(
          "--parse-special", options->parse_special,
          "With --text, GGUF: control tokens written in the text, such as <|im_end|>, become that token. In "
          "Hugging Face folders they always do.")
      ->needs(text);
  verb->add_flag("--no-special", options->no_special,
                 "With --text: leave out what is put around a text, such as BOS.")
      ->needs(text);
  verb->add_flag("--last", options->last, "Only the row of the last token: what follows the text.");
  verb->add_option("--backend", options->backend, "Where the maths runs.")->type_name("BACKEND");
  add_activations_option(*verb, options->activations);
  session.on(*verb, [&session, options, tokens, text] {
    options->has_tokens = tokens->count() > 0;
    options->has_text = text->count() > 0;
    logits(session, *options);
  });
}

}  // namespace pq::cli
