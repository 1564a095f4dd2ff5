// The keys of a pipeline file, declared once: reading, JSON Schema and the reference docs are made from these tables.
#pragma once

#include <polyquant/base/node.hpp>

#include <string>
#include <vector>

namespace pq {

struct PipelineKey {
  enum class Type { integer, number, text, path, sources, choice, component, recipe, list, map };

  std::string name{};
  Type type = Type::text;
  std::string help{};                  // one sentence that ends with a period
  std::string default_text{};          // "" = none
  std::vector<std::string> choices{};  // of a choice; of a component: words that are allowed besides ids
  std::string component{};             // kind of the component: "encoding", ...
  bool has_default_component = false;  // default_component() says which
  bool is_chain = false;               // of a component: a list of them is possible
  bool required = false;
  bool available = true;  // false: this version refuses it
  std::string dialect{};  // of a common option: "gguf" or "huggingface", the outputs that have a place for it
};
using PipelineKeys = std::vector<PipelineKey>;

PQ_API const PipelineKeys& pipeline_keys();
PQ_API const PipelineKeys& output_keys();
PQ_API const PipelineKeys& rule_keys();
/// Keys of `backend:` beside `type` and the options of the backend itself.
PQ_API const PipelineKeys& backend_keys();
PQ_API const PipelineKeys& calibration_keys();
/// Of an item of calibration.data that has a weight.
PQ_API const PipelineKeys& source_keys();
/// Keys of `options:` that every format has; they change how the model is seen, and do not reach the format.
PQ_API const PipelineKeys& common_format_option_keys();

/// Checks one map against its keys: unknown and missing keys, the kind of each value, choices, and keys that this version cannot use.
/// `where` names the map: "outputs[1]". Throws ConfigError at the place.
PQ_API void check_keys(const Node& map, const PipelineKeys& keys, const std::string& where);

}  // namespace pq
