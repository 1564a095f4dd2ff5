#include "common/weight_names.hpp"

#include "common/index.hpp"

#include <algorithm>
#include <string_view>

namespace pq::hf {
namespace {

bool is_autogptq(std::string_view base) { return base.starts_with("gptq_model"); }

/// True for model-00001-of-00002 if "model" has an index.
bool is_shard(const std::string& base, const std::set<std::string>& indexed) {
  return base.find("-of-") != std::string::npos &&
         std::any_of(indexed.begin(), indexed.end(),
                     [&](const std::string& whole) { return base.starts_with(whole + "-"); });
}

}  // namespace

std::set<std::string> weight_bases(const std::vector<std::string>& names) {
  std::set<std::string> indexed, all;
  for (const std::string& name : names)
    if (name.ends_with(kIndexEnd)) indexed.insert(name.substr(0, name.size() - kIndexEnd.size()));
  all = indexed;
  for (const std::string& name : names) {
    if (!name.ends_with(kFileEnd)) continue;
    const std::string base = name.substr(0, name.size() - kFileEnd.size());
    if (!is_shard(base, indexed)) all.insert(base);
  }
  std::set<std::string> known;  // names that loaders look for
  for (const std::string& base : all)
    if (base == "model" || is_autogptq(base)) known.insert(base);
  if (!known.empty()) return known;
  return indexed.empty() ? all : indexed;
}

}  // namespace pq::hf
