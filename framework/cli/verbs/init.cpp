// polyquant init: a commented pipeline to start from.
#include "config/pipeline_text.hpp"
#include "model/open_model.hpp"
#include "plan/replaceable.hpp"
#include "session.hpp"
#include "verbs.hpp"

#include <polyquant/base/error.hpp>
#include <polyquant/base/file.hpp>

#include <fmt/format.h>

#include <cstdint>
#include <filesystem>
#include <span>

namespace pq::cli {
namespace {

struct Options {
  std::string model, to = "pipeline.yaml";
  bool force = false;
};

// {0} is the model's path as a YAML string, {1} its name in file names.
constexpr const char* kTemplate =
    R"(# A pipeline of polyquant: one model in, any number of outputs, made in one pass over it.
#   polyquant plan pipeline.yaml     shows what would be written; reads headers only
#   polyquant run pipeline.yaml      does it
#   polyquant help KEY               explains a key or a component: help recipe, help q4_0, help gguf
#   polyquant schema > pipeline.schema.json     lets editors with a YAML language server complete and check this file:
# yaml-language-server: $schema=pipeline.schema.json
# Relative paths are relative to this file; ${{NAME}} and ${{NAME:-default}} read the environment.

version: 1

# A Hugging Face folder, a GGUF file, or anything that a format plugin recognises.
model: {0}

outputs:
  # 8 bits: practically lossless.
  - format: gguf
    recipe: q8_0
    to: out/{1}-Q8_0.gguf

  # 4 bits, with the rules that llama-quantize has for embeddings, output and norms.
  - format: gguf
    recipe: q4_0
    to: out/{1}-Q4_0.gguf
    # Exceptions, tried from top to bottom before the recipe: a role, or an expression that is searched for in the name.
    # rules:
    #   - {{match: ffn_down, encoding: q8_0}}
    #   - {{match: '^blk\.0\.', encoding: f16}}
    # What to use where the columns do not fit the encoding; without it such tensors are refused.
    # fallback: f16

# How much the errors of each column count: better files of 4 bits and below. Measure it with `polyquant imatrix`, or take a file of llama-imatrix.
# imatrix: {1}.imatrix.gguf

# How hard the encoders search: fast, normal or best.
effort: normal

# What was written, per tensor, with errors.
# report: out/report.json
)";

std::string yaml_string(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("''") : std::string(1, c);
  return out + "'";
}

// The folder's or file's name without its ending, as far as it is harmless in a file name.
std::string name_of(const std::filesystem::path& model) {
  std::string name = model.extension() == ".gguf" || model.extension() == ".safetensors"
                         ? model.stem().string()
                         : model.filename().string();
  for (char& c : name)
    if (std::string_view("'\"${}:#\n\t ").find(c) != std::string_view::npos) c = '-';
  return name.empty() || name == "." || name == ".." ? "model" : name;
}

void check_model(Session& session, const std::filesystem::path& model) {
  if (!std::filesystem::exists(model))
    throw FormatError(model.string() + ": there is no such file or folder; name the model to quantize");
  if (recognised_format(model, session.registry()).empty())
    throw FormatError(model.string() +
                      ": this is no model of a known format; name the model's folder or file");
}

constexpr std::uint64_t kMaxPipelineBytes = 1 << 20;

/// A pipeline may be replaced, a model and its parts never.
void check_target(Session& session, const std::filesystem::path& to, const std::filesystem::path& model,
                  bool force) {
  check_new_file(to, ReadNames(model, {model}, {}), force);
  const bool exists = std::filesystem::exists(to);
  if (const std::string format = exists ? recognised_format(to, session.registry()) : ""; !format.empty())
    throw ConfigError(fmt::format("{} is a model ({}); choose another place with --to", to.string(), format));
  const bool is_small = exists && std::filesystem::is_regular_file(to) &&
                        std::filesystem::file_size(to) <= kMaxPipelineBytes;  // a pipe would make us wait
  if (exists && !(is_small && looks_like_pipeline(read_text_file(to, kMaxPipelineBytes))))
    throw ConfigError(fmt::format(
        "{} is no pipeline, and --force replaces nothing else; choose another place with --to", to.string()));
}

void write(const std::filesystem::path& to, const std::string& text) {
  make_parent_folder(to, "choose another place with --to");
  PartialFile file(to, text.size());
  file.write(0, std::as_bytes(std::span(text)));
  file.seal();
}

void init(Session& session, const Options& options) {
  const std::filesystem::path to = options.to;
  std::filesystem::path model = options.model.empty() ? "models/my-model" : options.model;
  if (!options.model.empty()) check_model(session, model);
  check_target(session, to, model, options.force);
  if (!model.has_filename()) model = model.parent_path();
  const std::string name = name_of(std::filesystem::weakly_canonical(model));
  // Relative to the pipeline's folder, as the reader of the pipeline takes it.
  if (!options.model.empty() && model.is_relative()) {
    const auto folder = std::filesystem::weakly_canonical(std::filesystem::absolute(to)).parent_path();
    model = std::filesystem::weakly_canonical(model).lexically_relative(folder);
  }
  std::string path = model.string();
  for (std::size_t i = 0; (i = path.find('$', i)) != std::string::npos; i += 2) path.insert(i, 1, '$');
  write(to, fmt::format(kTemplate, yaml_string(path), name));
  if (!session.globals.quiet)
    session.print(fmt::format("wrote {0}; see what it would do with: polyquant plan {0}\n", to.string()));
}

}  // namespace

void add_init(CLI::App& app, Session& session) {
  const auto options = std::make_shared<Options>();
  CLI::App* verb = app.add_subcommand("init", "Write a commented pipeline to start from.");
  verb->add_option("MODEL", options->model, "The model that the pipeline reads.")->type_name("PATH");
  verb->add_option("--to", options->to, "The file to write.")->type_name("FILE")->capture_default_str();
  verb->add_flag("--force", options->force, "Replace the file if it exists.");
  session.on(*verb, [&session, options] { init(session, *options); });
}

}  // namespace pq::cli
