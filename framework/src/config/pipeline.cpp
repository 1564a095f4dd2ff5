#include "config/pipeline.hpp"

#include "config/pattern.hpp"
#include "config/pipeline_keys.hpp"

#include <polyquant/base/error.hpp>

namespace pq {
namespace {

constexpr std::int64_t kPipelineVersion = 1;
constexpr std::int64_t kMaxThreads = 1024;

std::filesystem::path path_of(const Node& value, const std::filesystem::path& base, std::string_view what) {
  const std::string text = value.as_string(what);
  // A folder of the name ~ is hardly ever meant.
  if (text == "~" || text.starts_with("~/"))
    throw_at(value.mark(), "'" + std::string(what) +
                               "' begins with ~, which only the shell expands; write ${HOME}" +
                               text.substr(1));
  const std::filesystem::path path = (base / text).lexically_normal();
  return path.has_filename() ? path : path.parent_path();  // "out/" and "out" are the same folder
}

std::string text_or(const Node& map, std::string_view key, std::string otherwise) {
  const Node* value = map.find(key);
  return value == nullptr ? otherwise : value->as_string(key);
}

Mark mark_of(const Node& map, std::string_view key) {
  const Node* value = map.find(key);
  return value == nullptr ? Mark() : value->mark();
}

Node node_or_null(const Node& map, std::string_view key) {
  const Node* value = map.find(key);
  return value == nullptr ? Node() : *value;
}

void check_version(const Node& root) {
  const Node& version = *root.find("version");
  if (version.as_int("version") != kPipelineVersion)
    throw_at(version.mark(), "'version' must be 1, got '" + version.text() +
                                 "'; this program reads version 1 of the pipeline language");
}

std::vector<Rule> parse_rules(const Node& list, const std::string& where) {
  std::vector<Rule> rules;
  for (const Node& item : list.items()) {
    check_keys(item, rule_keys(), where + "[" + std::to_string(rules.size()) + "]");
    const Node& match = *item.find("match");
    try {
      Pattern checked(match.text());
    } catch (const ConfigError& error) {
      throw_at(match.mark(), std::string("'match': ") + error.what());
    }
    rules.push_back({match.text(), *item.find("encoding"), item.mark()});
  }
  return rules;
}

// Which tensor gets which encoding must be said exactly once. `lossless` alone keeps the encodings that are
// stored: a conversion.
void check_one_source(const Node& output, const std::string& where) {
  std::string first;
  for (const char* key : {"recipe", "encoding", "allocate"}) {
    if (output.find(key) == nullptr) continue;
    if (!first.empty())
      throw_at(output.find(key)->mark(),
               where + " has both '" + first + "' and '" + key + "'; keep one of them");
    first = key;
  }
  if (first.empty() && output.find("lossless") == nullptr)
    throw_at(output.mark(), where + " does not say how to store the weights; add 'recipe' or 'encoding'");
}

std::optional<Lossless> parse_lossless(const Node& output) {
  const std::string text = text_or(output, "lossless", "");
  if (text.empty()) return std::nullopt;
  return text == "require" ? Lossless::require : text == "prefer" ? Lossless::prefer : Lossless::no;
}

OutputSpec parse_output(const Node& node, const std::string& where, const std::filesystem::path& base) {
  check_keys(node, output_keys(), where);
  check_one_source(node, where);
  OutputSpec output;
  output.mark = node.mark();
  output.format = *node.find("format");
  output.to = path_of(*node.find("to"), base, "to");
  output.to_mark = mark_of(node, "to");
  output.recipe = text_or(node, "recipe", "");
  output.recipe_mark = mark_of(node, "recipe");
  output.encoding = node_or_null(node, "encoding");
  output.quantizer = node_or_null(node, "quantizer");
  if (const Node* rules = node.find("rules")) output.rules = parse_rules(*rules, where + ".rules");
  output.fallback = text_or(node, "fallback", "");
  output.fallback_mark = mark_of(node, "fallback");
  output.lossless = parse_lossless(node);
  output.lossless_mark = mark_of(node, "lossless");
  output.options = node_or_null(node, "options");
  return output;
}

std::vector<OutputSpec> parse_outputs(const Node& list, const std::filesystem::path& base) {
  if (list.items().empty()) throw_at(list.mark(), "'outputs' is empty; add at least one output");
  std::vector<OutputSpec> outputs;
  for (const Node& item : list.items()) {
    const std::string where = "outputs[" + std::to_string(outputs.size()) + "]";
    OutputSpec output = parse_output(item, where, base);
    for (std::size_t i = 0; i < outputs.size(); ++i)
      if (outputs[i].to == output.to)
        throw_at(item.find("to")->mark(), where + " writes to the same path as outputs[" + std::to_string(i) +
                                              "]: " + output.to.string());
    outputs.push_back(std::move(output));
  }
  return outputs;
}

int parse_threads(const Node& root) {
  const Node* value = root.find("threads");
  if (value == nullptr) return 0;
  const std::int64_t threads = value->as_int("threads");
  if (threads < 0 || threads > kMaxThreads)
    throw_at(value->mark(), "'threads' must be between 0 and " + std::to_string(kMaxThreads) + ", got '" +
                                value->text() + "'");
  return static_cast<int>(threads);
}

std::int64_t parse_count(const Node& map, std::string_view key, std::int64_t otherwise, std::int64_t least,
                         std::int64_t most) {
  const Node* value = map.find(key);
  if (value == nullptr) return otherwise;
  const std::int64_t count = value->as_int(key);
  if (count < least || count > most)
    throw_at(value->mark(), "'" + std::string(key) + "' must be between " + std::to_string(least) + " and " +
                                std::to_string(most) + ", got '" + value->text() + "'");
  return count;
}

CalibrationSpec::Source parse_source(const Node& item, const std::filesystem::path& base) {
  if (!item.is_map()) return {path_of(item, base, "data"), 1, item.mark()};
  check_keys(item, source_keys(), "an item of calibration.data");
  CalibrationSpec::Source source{path_of(*item.find("path"), base, "path"), 1, item.mark()};
  const Node* weight = item.find("weight");
  if (weight != nullptr) source.weight = weight->as_double("weight");
  if (!(source.weight > 0) || source.weight > 1e9)
    throw_at(weight->mark(), "'weight' must be above 0 and at most 1e9, got '" + weight->text() + "'");
  return source;
}

std::optional<CalibrationSpec> parse_calibration(const Node& root, const std::filesystem::path& base) {
  const Node* map = root.find("calibration");
  if (map == nullptr) return std::nullopt;
  check_keys(*map, calibration_keys(), "calibration");
  CalibrationSpec result;
  result.mark = map->mark();
  const Node& data = *map->find("data");
  if (data.is_sequence())
    for (const Node& item : data.items()) result.sources.push_back(parse_source(item, base));
  else
    result.sources.push_back(parse_source(data, base));
  if (result.sources.empty()) throw_at(data.mark(), "'data' is empty; give at least one file or folder");
  result.samples = parse_count(*map, "samples", result.samples, 1, std::int64_t{1} << 32);
  result.length = parse_count(*map, "length", result.length, 1, std::int64_t{1} << 20);
  result.seed = static_cast<std::uint64_t>(parse_count(*map, "seed", 0, 0, INT64_MAX));
  result.activations = text_or(*map, "activations", result.activations);
  result.quantized_inputs = text_or(*map, "inputs", "original") == "quantized";
  result.inputs_mark = mark_of(*map, "inputs");
  return result;
}

std::filesystem::path parse_report(const Node& root, const std::filesystem::path& base) {
  const Node* value = root.find("report");
  if (value == nullptr) return {};
  std::filesystem::path report = path_of(*value, base, "report");
  if (report.extension() != ".json")
    throw_at(value->mark(), "'report' must end with .json, got '" + value->text() + "'");
  return report;
}

}  // namespace

Pipeline parse_pipeline(const Node& root, const std::filesystem::path& base) {
  check_keys(root, pipeline_keys(), "the pipeline");
  check_version(root);
  Pipeline pipeline;
  if (root.mark().line > 0 && root.mark().source != nullptr) pipeline.file = *root.mark().source;
  pipeline.model = path_of(*root.find("model"), base, "model");
  pipeline.model_mark = mark_of(root, "model");
  pipeline.backend = node_or_null(root, "backend");
  if (pipeline.backend.is_scalar() && pipeline.backend.text() == "auto") pipeline.backend = Node();
  pipeline.threads = parse_threads(root);
  pipeline.effort = text_or(root, "effort", pipeline.effort);
  if (const Node* imatrix = root.find("imatrix")) pipeline.imatrix = path_of(*imatrix, base, "imatrix");
  pipeline.imatrix_mark = mark_of(root, "imatrix");
  pipeline.calibration = parse_calibration(root, base);
  pipeline.recipes = node_or_null(root, "recipes");
  pipeline.outputs = parse_outputs(*root.find("outputs"), base);
  pipeline.report = parse_report(root, base);
  pipeline.report_mark = mark_of(root, "report");
  if (const Node* work = root.find("work")) pipeline.work = path_of(*work, base, "work");
  pipeline.work_mark = mark_of(root, "work");
  return pipeline;
}

}  // namespace pq
