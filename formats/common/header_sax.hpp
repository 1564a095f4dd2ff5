// The JSON text of a safetensors header to a Header, as one pass over the tokens: no tree of a hostile file is ever built.
#pragma once

#include "common/header.hpp"

#include <string>
#include <string_view>

namespace pq::hf {

/// Fills tensors (in order of the text) and metadata. Throws FormatError for invalid JSON, wrong types, missing, and repeated members.
void read_header_json(std::string_view text, const std::string& where, Header& out);

}  // namespace pq::hf
