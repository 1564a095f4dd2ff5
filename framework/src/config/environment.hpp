// References to environment variables in scalars.
#pragma once

#include <polyquant/base/node.hpp>

#include <string>
#include <string_view>

namespace pq {

/// Replaces ${NAME} and ${NAME:-default} (also used if NAME is empty, as in a shell) and $$; any other $ stays. Throws ConfigError at
/// the place for a NAME that is not set and for wrong forms.
std::string expand_environment(std::string_view text, const Mark& where);

/// parse_yaml() that leaves references to the environment alone if `expand` is false.
Node parse_yaml_text(std::string_view text, const std::string& source_name, bool expand);

}  // namespace pq
