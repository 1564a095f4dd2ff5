// Tokens to statements: Jinja's grammar (jinja2/parser.py), less what chat templates have no use for.
#pragma once

#include "chat/node.hpp"

#include <string_view>

namespace pq::jinja {

/// Throws TemplateError with a line: syntax errors, and constructs that are not supported.
Statements parse_template(std::string_view source);

/// The tags that statements begin with, for the reference.
std::vector<std::string_view> supported_tags();

}  // namespace pq::jinja
