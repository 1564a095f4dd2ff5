// Errors that only the caller can give a place in the pipeline.
#pragma once

#include <polyquant/base/error.hpp>
#include <polyquant/base/node.hpp>

#include <exception>
#include <string>
#include <string_view>
#include <utility>

namespace pq {

/// Whether a message gains from the place: one in a file or of `--set`. What stands on the command line is before the user's eyes.
PQ_API bool is_worth_naming(const Mark& mark);

/// "pipeline.yaml:3:9: " or "".
PQ_API std::string place_prefix(const Mark& mark);

/// What `action` returns. Its errors get the place in front and keep their exit code.
template <class Action>
auto at_place(const Mark& mark, Action&& action) {
  try {
    return std::forward<Action>(action)();
  } catch (const Interrupted&) {
    throw;
  } catch (const Error& error) {
    // Some name a more exact place of the same file.
    if (!is_worth_naming(mark) || std::string_view(error.what()).starts_with(*mark.source + ":")) throw;
    std::throw_with_nested(ConfigError(mark.to_string()));
  }
}

}  // namespace pq
