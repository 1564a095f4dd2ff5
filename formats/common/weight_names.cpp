#include "common/weight_names.hpp"

#include "common/index.hpp"

#include <string_view>

namespace pq::hf {
namespace {

bool is_autogptq(std::string_view base) { return base.starts_with("gptq_model"); }

/// "model" of model-00001-of-00002; "" if it is no shard.
std::string whole_of(std::string_view base) {
  const auto cut_number = [&] {
    const std::size_t digits = base.find_last_not_of("0123456789") + 1;
    if (digits == base.size()) return false;
    base = base.substr(0, digits);
    return true;
  };
  const auto cut = [&](std::string_view end) {
    if (!base.ends_with(end)) return false;
    base.remove_suffix(end.size());
    return true;
  };
  return std::string(cut_number() && cut("-of-") && cut_number() && cut("-") ? base : std::string_view());
}

}  // namespace

std::set<std::string> weight_bases(const std::vector<std::string>& names) {
  std::set<std::string> indexed, all;
  for (const std::string& name : names)
    if (name.ends_with(kIndexEnd)) indexed.insert(name.substr(0, name.size() - kIndexEnd.size()));
  all = indexed;
  for (const std::string& name : names) {
    if (!name.ends_with(kFileEnd)) continue;
    const std::string base = name.substr(0, name.size() - kFileEnd.size()), whole = whole_of(base);
    all.insert(whole.empty() ? base : whole);
  }
  std::set<std::string> known;  // names that loaders look for
  for (const std::string& base : all)
    if (base == "model" || is_autogptq(base)) known.insert(base);
  if (!known.empty()) return known;
  return indexed.empty() ? all : indexed;
}

}  // namespace pq::hf
