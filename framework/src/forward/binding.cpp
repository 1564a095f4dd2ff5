#include "forward/binding.hpp"

#include "model/family_rules.hpp"
#include "model/tensor_links.hpp"

#include <polyquant/base/error.hpp>
#include <polyquant/base/text.hpp>

#include <algorithm>

namespace pq {

Binding::Binding(const Graph& graph, ConfigScope& scope, const ModelView& view,
                 const std::map<std::string, std::size_t>& names)
    : graph_(graph), scope_(scope), view_(view), names_(names), used_(view.tensors.size(), false) {}

Operations Binding::bind(const std::vector<Node>& steps, int layer) {
  layer_ = layer;
  open_sites_.clear();
  scope_.set("N", layer < 0 ? Json() : Json(layer));
  Operations operations;
  for (const Node& step : steps)
    if (auto operation = bind_step(step)) operations.push_back(std::move(operation));
  return operations;
}

Operations Binding::bind_expert(const std::vector<Node>& steps, int expert) {
  const auto outer_sites = open_sites_;
  expert_ = expert;
  scope_.set("E", Json(expert));
  Operations operations;
  for (const Node& step : steps)
    if (auto operation = bind_step(step)) operations.push_back(std::move(operation));
  expert_ = -1;
  open_sites_ = outer_sites;
  return operations;
}

std::unique_ptr<Operation> Binding::bind_step(const Node& step) {
  if (!step.is_map() || step.members().empty()) throw_at(step.mark(), "an operation is a map");
  if (!optional_expression(step, "when").test(scope_, true)) return nullptr;
  const std::string op = step.members().front().key;
  const OperationMaker make = find_operation(op);
  if (make == nullptr)
    throw_at(step.mark(), "unknown operation '" + op + "'" + suggestion(op, operation_names()));
  Arguments arguments(*this, step, op);
  auto operation = make(arguments);
  arguments.finish();
  return operation;
}

std::int64_t Binding::width(const std::string& value) const {
  const auto found = widths_.find(value);
  if (found == widths_.end())
    throw ConfigError("the graph reads the value '" + value + "', which nothing has written");
  return found->second;
}

void Binding::set_width(const std::string& value, std::int64_t cols) {
  widths_[value] = cols;
  open_sites_.erase(value);
}

std::string Binding::filled(const std::string& name) const {
  std::string result = layer_ < 0 ? name : with_index(name, 'N', layer_);
  return expert_ < 0 ? result : with_index(result, 'E', expert_);
}

std::optional<std::size_t> Binding::find(const std::string& name) const {
  const auto found = names_.find(filled(name));
  return found == names_.end() ? std::nullopt : std::optional(found->second);
}

std::size_t Binding::tensor(const std::string& name) {
  const auto found = find(name);
  if (!found)
    throw FormatError(scope_.source() + ": tensor '" + filled(name) +
                      "' is missing, which a model with this configuration needs");
  used_[*found] = true;
  return *found;
}

void Binding::open_site(const std::string& value, std::shared_ptr<Site> site) {
  open_sites_[value] = site;
  sites_.push_back(std::move(site));
}

void Binding::read_at_site(const std::string& value, const WeightSlice& slice) {
  const auto found = open_sites_.find(value);
  if (found != open_sites_.end()) found->second->readers.push_back(slice);
}

namespace {

std::vector<double> number_list(const Json& value, const std::string& what) {
  std::vector<double> numbers;
  if (value.is_null()) return numbers;
  if (!value.is_array()) throw FormatError("config.json: " + what + " must be a list of numbers");
  for (const Json& item : value.array()) {
    if (!item.is_number()) throw FormatError("config.json: " + what + " must be a list of numbers");
    numbers.push_back(item.number());
  }
  return numbers;
}

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
  const auto value = [&](const char* key) { return optional_expression(*parameters, key).evaluate(scope_); };
  const auto number = [&](const char* key, double fallback) {
    const Json found = value(key);
    if (found.is_null()) return fallback;
    if (!found.is_number())
      throw FormatError(scope_.source() + ": " + key + " of rotary scaling must be a number");
    return found.number();
  };
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
  spec.short_factors = number_list(value("short_factors"), "short_factor");
  spec.long_factors = number_list(value("long_factors"), "long_factor");
  const auto pairs = static_cast<std::size_t>(std::max<std::int64_t>(0, spec.width / 2));
  const bool is_long = spec.type == "longrope" || spec.type == "su";
  if (is_long && (spec.short_factors.size() != pairs || spec.long_factors.size() != pairs))
    throw FormatError(scope_.source() + ": long_factor and short_factor need " + std::to_string(pairs) +
                      " numbers");
  if (spec.width < 2 || spec.width % 2 != 0 || !(spec.base > 0) || !(spec.factor > 0))
    throw FormatError(scope_.source() + ": a rotary embedding of " + std::to_string(spec.width) +
                      " columns, base " + std::to_string(spec.base) + " and factor " +
                      std::to_string(spec.factor) + " is not possible");
  return ropes_.emplace(name, std::move(spec)).first->second;
}

}  // namespace pq
