#include "forward/binding.hpp"

#include "model/family_rules.hpp"
#include "model/tensor_links.hpp"

#include <polyquant/base/error.hpp>
#include <polyquant/base/text.hpp>

#include <algorithm>

namespace pq {

Binding::Binding(const Graph& graph, ConfigScope& scope, const ModelView& view,
                 const std::map<std::string, std::size_t>& names, std::string place)
    : graph_(graph),
      scope_(scope),
      view_(view),
      names_(names),
      place_(std::move(place)),
      used_(view.tensors.size(), false) {}

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
  flow_.begin(layer_);
  auto operation = make(arguments);
  flow_.end();
  arguments.finish();
  return operation;
}

std::int64_t Binding::width(const std::string& value) const {
  const auto found = widths_.find(value);
  if (found == widths_.end())
    throw ConfigError("the graph reads the value '" + value + "', which nothing has written");
  return found->second;
}

std::int64_t Binding::routed(const std::string& choice) const {
  const auto found = routed_.find(choice);
  if (found == routed_.end())
    throw ConfigError("the graph reads the choice '" + choice + "', which nothing has made");
  return found->second;
}

void Binding::set_width(const std::string& value, std::int64_t cols) {
  widths_[value] = cols;
  flow_.write(value, cols);
  open_sites_.erase(value);
}

std::int64_t Binding::all_widths() const {
  std::int64_t sum = 0;
  for (const auto& [value, width] : widths_) sum += width;
  return sum;
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
    throw FormatError(place_ + ": tensor '" + filled(name) +
                      "' is missing, which a model with this configuration needs");
  used_[*found] = true;
  return *found;
}

void Binding::open_site(const std::string& value, std::shared_ptr<Site> site) {
  open_sites_[value] = site;
  sites_.push_back(std::move(site));
}

const Site* Binding::read_at_site(const std::string& value, const WeightSlice& slice) {
  const auto found = open_sites_.find(value);
  if (found == open_sites_.end()) return nullptr;
  found->second->readers.push_back(slice);
  return found->second.get();
}

}  // namespace pq
