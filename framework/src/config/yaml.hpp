// YAML to Node: the only place that knows yaml-cpp.
#pragma once

#include <polyquant/base/node.hpp>

#include <filesystem>
#include <string>
#include <string_view>

namespace pq {

/// Parses a YAML file. Throws ConfigError "FILE:LINE:COLUMN: ..." for syntax errors, duplicate keys, anchors that loop, more than one
/// document, and FormatError if the file cannot be read. `${NAME}` and `${NAME:-default}` in scalars are replaced from the environment
/// (an unset NAME without default is an error; `$$` is a dollar sign).
PQ_API Node load_yaml(const std::filesystem::path& file);
PQ_API Node parse_yaml(std::string_view text, const std::string& source_name);

/// Applies one `--set PATH=VALUE` ("outputs.0.to=x.gguf"); VALUE is parsed as YAML flow. Throws ConfigError.
PQ_API void apply_override(Node& root, std::string_view assignment);

}  // namespace pq
