// The parameters of a rotary embedding: expressions of a graph, computed for one configuration.
#include "forward/binding.hpp"
#include "model/family_rules.hpp"

#include <polyquant/base/error.hpp>

#include <algorithm>

namespace pq {
namespace {

class RopeReader {
 public:
  RopeReader(const Node& parameters, const ConfigScope& scope) : parameters_(parameters), scope_(scope) {}

  RopeSpec read() const {
    RopeSpec spec;
    const Json type = value("type"), truncate = value("truncate");
    if (type.is_string()) spec.type = type.string();
    spec.base = number("base", spec.base);
    spec.width = static_cast<std::int64_t>(number("width", 0));
    spec.factor = number("factor", spec.factor);
    spec.context = number("context", 0);
    spec.original_context = number("original_context", spec.context);
    spec.low_freq_factor = number("low_freq_factor", spec.low_freq_factor);
    spec.high_freq_factor = number("high_freq_factor", spec.high_freq_factor);
    spec.beta_fast = number("beta_fast", spec.beta_fast);
    spec.beta_slow = number("beta_slow", spec.beta_slow);
    spec.truncate = truncate.is_null() || is_true(truncate);
    spec.attention_factor = number("attention_factor", 0);
    spec.mscale = number("mscale", 0);
    spec.mscale_all_dim = number("mscale_all_dim", 0);
    spec.short_factors = numbers("short_factors");
    spec.long_factors = numbers("long_factors");
    check(spec);
    return spec;
  }

 private:
  [[noreturn]] void fail(const std::string& what) const { throw FormatError(scope_.source() + ": " + what); }

  Json value(const char* key) const { return optional_expression(parameters_, key).evaluate(scope_); }

  double number(const char* key, double fallback) const {
    const Json found = value(key);
    if (found.is_null()) return fallback;
    if (!found.is_number()) fail(std::string(key) + " of rotary scaling must be a number");
    return found.number();
  }

  // "short_factors" of a graph is "short_factor" of a configuration.
  std::vector<double> numbers(const std::string& key) const {
    const Json found = value(key.c_str());
    std::vector<double> list;
    if (found.is_null()) return list;
    const bool is_list = found.is_array() && std::all_of(found.array().begin(), found.array().end(),
                                                         [](const Json& item) { return item.is_number(); });
    if (!is_list) fail(key.substr(0, key.size() - 1) + " must be a list of numbers");
    for (const Json& item : found.array()) list.push_back(item.number());
    return list;
  }

  void check(const RopeSpec& spec) const {
    const auto pairs = static_cast<std::size_t>(std::max<std::int64_t>(0, spec.width / 2));
    const bool is_long = spec.type == "longrope" || spec.type == "su";
    if (is_long && (spec.short_factors.size() != pairs || spec.long_factors.size() != pairs))
      fail("long_factor and short_factor need " + std::to_string(pairs) + " numbers");
    if (spec.width < 2 || spec.width % 2 != 0 || !(spec.base > 0) || !(spec.factor > 0))
      fail("a rotary embedding of " + std::to_string(spec.width) + " columns, base " +
           std::to_string(spec.base) + " and factor " + std::to_string(spec.factor) + " is not possible");
  }

  const Node& parameters_;
  const ConfigScope& scope_;
};

}  // namespace

// Computed once per table and model: nothing in them depends on the layer.
const RopeSpec& Binding::rope(const std::string& name) {
  if (const auto known = ropes_.find(name); known != ropes_.end()) return known->second;
  const Node* parameters = graph_.ropes.find(name);
  if (parameters == nullptr) throw ConfigError("the graph has no rope '" + name + "'");
  check_keys(*parameters, "a rope",
             {"type", "base", "width", "factor", "context", "original_context", "low_freq_factor",
              "high_freq_factor", "beta_fast", "beta_slow", "truncate", "attention_factor", "mscale",
              "mscale_all_dim", "short_factors", "long_factors"});
  return ropes_.emplace(name, RopeReader(*parameters, scope_).read()).first->second;
}

}  // namespace pq
