// polyquant quantize: a pipeline with one output, written on the command line.
#include "config/pipeline_keys.hpp"
#include "number_option.hpp"
#include "pipeline_verbs.hpp"
#include "verbs.hpp"

#include <polyquant/base/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <memory>

namespace pq::cli {
namespace {

struct Options {
  std::string model, to, format, recipe, encoding, target, from, quantizer, calibration, imatrix, effort;
  int samples = 0, length = 0;
  PipelineFlags flags;
};

void set_if_given(Node& map, const std::string& key, const std::string& value, const std::string& option) {
  if (!value.empty()) map.set(key, given(value, option));
}

/// The first + that a name follows; that of 1e+3 belongs to a number.
std::size_t plus_of(const std::string& text) {
  for (std::size_t i = text.find('+'); i < text.size(); i = text.find('+', i + 1))
    if (i + 1 == text.size() || std::isdigit(static_cast<unsigned char>(text[i + 1])) == 0) return i;
  return text.size();
}

/// awq+gptq: the list that pipelines have.
Node quantizer_of(std::string text) {
  if (plus_of(text) == text.size()) return given(text, "--quantizer");
  Node list = Node::sequence(given("", "--quantizer").mark());
  for (std::size_t plus = plus_of(text); plus < text.size(); plus = plus_of(text)) {
    list.push_back(given(text.substr(0, plus), "--quantizer"));
    text.erase(0, plus + 1);
  }
  list.push_back(given(text, "--quantizer"));
  return list;
}

/// The help of an option, and whether the key of pipelines behind it is there already.
bool is_available(const PipelineKeys& keys, const std::string& key) {
  return std::none_of(keys.begin(), keys.end(),
                      [&](const PipelineKey& known) { return known.name == key && !known.available; });
}
std::string help_of(const PipelineKeys& keys, const std::string& key, const std::string& help) {
  return help + (is_available(keys, key) ? "" : " Not available in this version.");
}

Mark option_mark(const std::string& option) { return given("", option).mark(); }

void check_calibration(const Options& options) {
  const auto is_for_it = [](const std::string& set) { return set.starts_with("calibration."); };
  if (options.calibration.empty() && options.samples + options.length > 0 &&
      std::none_of(options.flags.overrides.begin(), options.flags.overrides.end(), is_for_it))
    throw ConfigError("--samples and --length say how much of --calibration PATH is read; give it, too");
}

Node calibration_of(const Options& options) {
  check_calibration(options);
  Node calibration = Node::map();
  set_if_given(calibration, "data", options.calibration, "--calibration");
  if (options.samples > 0) calibration.set("samples", given(std::to_string(options.samples), "--samples"));
  if (options.length > 0) calibration.set("length", given(std::to_string(options.length), "--length"));
  return calibration;
}

Node pipeline_of(const Options& options) {
  if (options.recipe.empty() && options.encoding.empty() && options.target.empty())
    throw ConfigError(fmt::format("quantize needs --recipe or --encoding{}, for example --recipe q4_0",
                                  is_available(output_keys(), "allocate") ? " or --target" : ""));
  Node output = Node::map();
  set_if_given(output, "recipe", options.recipe, "--recipe");
  set_if_given(output, "encoding", options.encoding, "--encoding");
  if (!options.quantizer.empty()) output.set("quantizer", quantizer_of(options.quantizer));
  if (!options.target.empty()) {
    Node allocate = Node::map();
    allocate.set("target", given(options.target, "--target"));
    set_if_given(allocate, "from", options.from, "--from");
    output.set("allocate", std::move(allocate), option_mark("--target"));
  }
  Node root = single_output(given(options.model, "MODEL"), given(options.to, "--to"), options.format,
                            std::move(output));
  if (Node calibration = calibration_of(options); !calibration.members().empty())
    root.set("calibration", std::move(calibration), option_mark("--calibration"));
  set_if_given(root, "imatrix", options.imatrix, "--imatrix");
  set_if_given(root, "effort", options.effort, "--effort");
  return root;
}

}  // namespace

void add_quantize(CLI::App& app, Session& session) {
  const auto options = std::make_shared<Options>();
  CLI::App& verb =
      *app.add_subcommand("quantize", "Quantize a model into one output; a pipeline without a file.");
  verb.add_option("MODEL", options->model,
                  "Hugging Face folder, GGUF file, or anything that a format plugin recognises.")
      ->required()
      ->type_name("PATH");
  verb.add_option("--to", options->to, "The output.")->required()->type_name("PATH");
  verb.add_option("--format", options->format, "Format of the output; default by its name.")
      ->type_name("FORMAT");
  CLI::Option* recipe =
      verb.add_option("--recipe", options->recipe, "Which tensor gets which encoding.")->type_name("RECIPE");
  CLI::Option* encoding = verb.add_option("--encoding", options->encoding, "One encoding for all weights.")
                              ->type_name("ENCODING");
  CLI::Option* target =
      verb.add_option("--target", options->target,
                      help_of(output_keys(), "allocate", "A size to reach: 4.25bpw or 6GiB."))
          ->type_name("SIZE");
  recipe->excludes(encoding);
  if (is_available(output_keys(), "allocate"))
    for (CLI::Option* other : {recipe, encoding}) other->excludes(target);
  verb.add_option("--from", options->from,
                  help_of(output_keys(), "allocate", "Encodings to choose from for --target."))
      ->type_name("ENCODINGS")
      ->needs(target);
  verb.add_option("--quantizer", options->quantizer,
                  "How codes are chosen; awq+gptq: channels are scaled by the first.")
      ->type_name("QUANTIZER");
  const auto calibration_help = [](const char* help) {
    return help_of(pipeline_keys(), "calibration", help);
  };
  verb.add_option("--calibration", options->calibration, calibration_help("Texts to calibrate with."))
      ->type_name("PATH");
  verb.add_option("--imatrix", options->imatrix, "Importance matrix.")->type_name("FILE");
  between(verb.add_option("--samples", options->samples, calibration_help("Calibration samples.")), 1,
          1 << 30);
  between(verb.add_option("--length", options->length, calibration_help("Tokens per calibration sample.")), 1,
          1 << 20);
  verb.add_option("--effort", options->effort, "How much to search: fast, normal or best.")
      ->type_name("LEVEL");
  add_pipeline_flags(verb, options->flags, true);
  session.on(verb, [&session, options] {
    run_pipeline(session, pipeline_of(*options), std::filesystem::current_path(), options->flags);
  });
}

}  // namespace pq::cli
