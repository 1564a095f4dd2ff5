#include "plan/view_request.hpp"

#include "config/pipeline_keys.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace pq {
namespace {

std::string experts_option(const Node& node) {
  const PipelineKeys& keys = common_format_option_keys();
  const auto key = std::find_if(keys.begin(), keys.end(), [](const auto& k) { return k.name == "experts"; });
  const std::string word = node.as_string("experts");
  if (std::find(key->choices.begin(), key->choices.end(), word) == key->choices.end())
    throw_at(node.mark(),
             fmt::format("'experts' is one of {}, not '{}'", fmt::join(key->choices, ", "), word));
  return word;
}

}  // namespace

ViewOptions view_options(const OutputSpec& spec, Dialect dialect) {
  ViewOptions options;
  for (const PipelineKey& key : common_format_option_keys())
    if (const Node* given = spec.options.find(key.name);
        given != nullptr && (dialect == Dialect::gguf) != (key.dialect == "gguf"))
      throw_at(given->mark(), fmt::format("'{}' has no place in this format; remove it", key.name));
  if (const Node* name = spec.options.find("name")) options.name = name->as_string("name");
  if (const Node* pre = spec.options.find("pre_tokenizer"))
    options.pre_tokenizer = pre->as_string("pre_tokenizer");
  if (const Node* experts = spec.options.find("experts")) options.experts = experts_option(*experts);
  return options;
}

Mark view_mark(const OutputSpec& spec) {
  for (const char* key : {"pre_tokenizer", "experts"})
    if (const Node* option = spec.options.find(key)) return option->mark();
  return spec.mark;
}

Node format_options(const OutputSpec& spec) {
  Node options = spec.options;
  for (const PipelineKey& key : common_format_option_keys()) options.erase(key.name);
  return options;
}

}  // namespace pq
