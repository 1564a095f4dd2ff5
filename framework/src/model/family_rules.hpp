// Parts of a family file: single fields, metadata rules, tensor rules. All throw ConfigError at the place of a mistake.
#pragma once

#include "model/family.hpp"

#include <string>
#include <vector>

namespace pq {

Expression parse_expression(const Node& node, const std::string& what);
/// Refuses keys that are not `known`, with a suggestion.
void check_keys(const Node& map, const std::string& what, const std::vector<std::string>& known);
Expression optional_expression(const Node& map, const std::string& key);
std::string optional_string(const Node& map, const std::string& key, std::string fallback = {});
/// One text or a list of them; nothing if `node` is nullptr.
std::vector<std::string> strings(const Node* node, const std::string& what);
std::vector<Expression> expressions(const Node* node, const std::string& what);

MetadataRule parse_metadata_rule(const Node& node);
TensorRule parse_tensor_rule(const Node& node);

}  // namespace pq
