#include "plan/output_request.hpp"

#include "plan/source_files.hpp"

#include <fmt/format.h>

namespace pq {

void warn_of_ending(const PlannedOutput& output, const PluginRegistry& registry,
                    std::vector<std::string>& warnings) {
  const std::string ending = output.to.extension().string();
  for (const FormatEntry* entry : registry.formats()) {
    if (ending != "." + entry->id || entry->id == output.format->info().id) continue;
    if (entry->make(Node())->info().dialect == output.format->info().dialect) continue;
    warnings.push_back(
        fmt::format("{}: its name says {}, but it is written as {}; other programs may not open it",
                    output.to.filename().string(), entry->id, output.format->info().id));
  }
}

std::map<std::string, std::string> asked_for(const OutputSpec& spec) {
  std::map<std::string, std::string> asked;
  if (!spec.recipe.empty()) asked["recipe"] = spec.recipe;
  if (!spec.encoding.is_null()) asked["encoding"] = node_text(spec.encoding);
  if (!spec.fallback.empty()) asked["fallback"] = spec.fallback;
  for (const Rule& rule : spec.rules) asked["rules"] += rule.match + "=" + node_text(rule.encoding) + " ";
  return asked;
}

}  // namespace pq
