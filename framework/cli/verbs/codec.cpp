// polyquant codec: the bare encodings, on streams and on the clock.
#include "codec_bench.hpp"
#include "codec_stream.hpp"
#include "number_option.hpp"
#include "plugin/registry.hpp"
#include "session.hpp"
#include "verbs.hpp"

#include <polyquant/base/error.hpp>
#include <polyquant/base/log.hpp>
#include <polyquant/testing/synthetic.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <unistd.h>

namespace pq::cli {
namespace {

struct Options {
  std::vector<std::string> encodings;
  std::int64_t cols = 0;
  std::string importance_file, data, effort = "normal";
  bool importance = false, json = false;
};

Node given(const std::string& spec) {
  return Node::scalar(spec, false, Mark{std::make_shared<const std::string>("ENCODING"), 0, 0});
}

Effort effort_of(const std::string& text) {
  return text == "fast" ? Effort::fast : text == "best" ? Effort::best : Effort::normal;
}

ByteSink to_stdout(Session& session, const char* verb) {
  if (::isatty(STDOUT_FILENO) == 1)
    throw ConfigError(fmt::format(
        "the rows are binary and would garble the terminal; redirect them: polyquant codec {0} ... < "
        "rows > {0}d",
        verb));
  return [&session](Bytes bytes) {
    session.print({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  };
}

void encode(Session& session, const Options& options) {
  const ByteSink out = to_stdout(session, "encode");
  const auto encoding = session.registry().encoding(given(options.encodings.front()));
  check_cols(*encoding, options.cols);
  std::vector<float> importance;
  if (!options.importance_file.empty()) importance = read_importance(options.importance_file, options.cols);
  if (!importance.empty() && !encoding->info().uses_importance)
    log::warning(encoding->info().spec + " does not use importance");
  const EncodeRequest request{options.cols, importance, effort_of(options.effort)};
  encode_stream(*encoding, request, session.executor(), stdin, out);
}

void decode(Session& session, const Options& options) {
  const ByteSink out = to_stdout(session, "decode");
  const auto encoding = session.registry().encoding(given(options.encodings.front()));
  check_cols(*encoding, options.cols);
  decode_stream(*encoding, options.cols, session.executor(), stdin, out);
}

// Larger than the caches of a core, and quick even for slow encoders.
constexpr std::int64_t kWeights = std::int64_t{1} << 21;

testing::Sample bench_rows(const Options& options) {
  constexpr std::uint64_t kSeed = 1;
  if (options.cols < 1 || options.cols > kWeights)
    throw ConfigError(fmt::format("--cols must be between 1 and {}, got {}", kWeights, options.cols));
  if (options.data.empty()) return testing::gaussian(kWeights / options.cols, options.cols, kSeed);
  std::vector<float> values = read_f32_file(options.data);
  const auto count = static_cast<std::int64_t>(values.size());
  if (count == 0 || count % options.cols != 0)
    throw FormatError(fmt::format("{}: {} values are not whole rows of {}; check --cols", options.data, count,
                                  options.cols));
  return {options.data, count / options.cols, options.cols, std::move(values)};
}

nlohmann::ordered_json to_json(const std::string& spec, bool importance, const BenchResult& result) {
  return {{"encoding", spec},
          {"importance", importance},
          {"encode_weights_per_second", result.encode_weights_per_second},
          {"decode_weights_per_second", result.decode_weights_per_second},
          {"relative_error", result.relative_error}};
}

void bench(Session& session, const Options& options) {
  PluginRegistry& registry = session.registry();
  std::vector<std::string> specs = options.encodings;
  if (specs.empty())
    for (const EncodingEntry* entry : registry.encodings()) specs.push_back(entry->id);
  std::vector<std::shared_ptr<const Encoding>> encodings;  // all are checked before the first is measured
  for (const std::string& spec : specs) {
    encodings.push_back(registry.encoding(given(spec)));
    check_cols(*encodings.back(), options.cols);
  }
  const testing::Sample sample = bench_rows(options);
  std::vector<float> importance;
  if (options.importance) importance = testing::lognormal_importance(options.cols, 2);
  auto document = nlohmann::ordered_json::array();
  std::vector<std::vector<std::string>> rows = {{"encoding", "encode Mw/s", "decode Mw/s", "relative error"}};
  for (const auto& encoding : encodings) {
    const EncodeRequest request{options.cols, importance, effort_of(options.effort)};
    const BenchResult result = bench_codec(*encoding, request, sample.matrix(), session.executor(1));
    document.push_back(to_json(encoding->info().spec, options.importance, result));
    rows.push_back({encoding->info().spec, fmt::format("{:.1f}", result.encode_weights_per_second / 1e6),
                    fmt::format("{:.1f}", result.decode_weights_per_second / 1e6),
                    fmt::format("{:.4g}", result.relative_error)});
  }
  if (options.json) return session.print_json(document);
  session.print(text_table(rows, {false, true, true, true}));
}

CLI::App& add_stream_verb(CLI::App& codec, const std::string& name, const std::string& help,
                          Options& options) {
  CLI::App& verb = *codec.add_subcommand(name, help);
  verb.add_option("ENCODING", options.encodings, "An id, or an id with options such as fp8_block:block=64.")
      ->type_name("ENCODING")
      ->required()
      ->expected(1);
  verb.add_option("--cols", options.cols, with_range("Weights of a row.", 1, kMaxCols))
      ->type_name("N")
      ->required();
  return verb;
}

void add_effort(CLI::App& verb, Options& options) {
  verb.add_option("--effort", options.effort, "How much to search: fast, normal or best.")
      ->type_name("LEVEL")
      ->check(CLI::IsMember({"fast", "normal", "best"}).description(""));
}

void add_bench(CLI::App& codec, Session& session) {
  const auto options = std::make_shared<Options>();
  options->cols = 4096;
  CLI::App& verb =
      *codec.add_subcommand("bench", "Measure speed and error, on one thread unless --threads is given.");
  verb.add_option("ENCODING", options->encodings, "What to measure; without it all encodings.")
      ->type_name("ENCODING");
  verb.add_option("--cols", options->cols, with_range("Weights of a row.", 1, kWeights))
      ->type_name("N")
      ->capture_default_str();
  verb.add_option("--data", options->data, "Rows of little-endian f32; without it Gaussian ones are made.")
      ->type_name("FILE");
  verb.add_flag("--importance", options->importance,
                "Give the encoders a log-normal importance, and weigh the error with it.");
  add_effort(verb, *options);
  verb.add_flag("--json", options->json, "Print JSON.");
  session.on(verb, [&session, options] { bench(session, *options); });
}

}  // namespace

void add_codec(CLI::App& app, Session& session) {
  CLI::App& codec = *app.add_subcommand("codec", "Encode, decode and measure with the bare encodings.");
  codec.require_subcommand(1);
  const auto options = std::make_shared<Options>();
  CLI::App& encoder = add_stream_verb(codec, "encode",
                                      "Encode rows of f32 from standard input to standard output.", *options);
  encoder
      .add_option("--importance", options->importance_file, "One f32 per column: how much its errors count.")
      ->type_name("FILE");
  add_effort(encoder, *options);
  session.on(encoder, [&session, options] { encode(session, *options); });
  CLI::App& decoder = add_stream_verb(codec, "decode",
                                      "Decode rows from standard input to f32 on standard output.", *options);
  session.on(decoder, [&session, options] { decode(session, *options); });
  add_bench(codec, session);
}

}  // namespace pq::cli
