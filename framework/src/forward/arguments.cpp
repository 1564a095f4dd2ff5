#include "forward/binding.hpp"
#include "model/family_rules.hpp"

#include <polyquant/base/error.hpp>
#include <polyquant/base/text.hpp>

#include <algorithm>

namespace pq {

Arguments::Arguments(Binding& binding, const Node& step, std::string op)
    : binding_(binding), step_(step), op_(std::move(op)), known_{op_, "when"} {
  target_ = step_.find(op_)->as_string(op_);
}

const Node* Arguments::find(const char* key) {
  known_.emplace_back(key);
  const Node* node = step_.find(key);
  return node == nullptr || node->is_null() ? nullptr : node;
}

bool Arguments::has(const char* key) { return find(key) != nullptr; }

const Node& Arguments::node(const char* key) {
  const Node* found = find(key);
  if (found == nullptr) throw_at(mark(), "'" + op_ + "' needs '" + key + "'");
  return *found;
}

std::string Arguments::text(const char* key) { return node(key).as_string(key); }

std::string Arguments::text(const char* key, const std::string& fallback) {
  const Node* found = find(key);
  return found == nullptr ? fallback : found->as_string(key);
}

std::vector<std::string> Arguments::texts(const char* key) { return strings(&node(key), key); }

Json Arguments::value(const char* key) {
  const Node* found = find(key);
  return found == nullptr ? Json() : parse_expression(*found, key).evaluate(binding_.scope());
}

double Arguments::number(const char* key) {
  const Expression expression = parse_expression(node(key), key);
  const Json found = expression.evaluate(binding_.scope());
  if (found.is_null()) binding_.scope().missing(expression.first_name());
  if (!found.is_number())
    expression.wrong(
        binding_.scope(), [](const Json& value) { return value.is_number(); },
        "must be a number, not " + display(found));
  return found.number();
}

double Arguments::number(const char* key, double fallback) {
  return value(key).is_null() ? fallback : number(key);
}

std::int64_t Arguments::integer(const char* key) {
  return parse_expression(node(key), key).integer(binding_.scope());
}

std::int64_t Arguments::integer(const char* key, std::int64_t fallback) {
  return value(key).is_null() ? fallback : integer(key);
}

std::int64_t Arguments::positive(const char* key) {
  const std::int64_t found = integer(key);
  if (found >= 1) return found;
  const Expression expression = parse_expression(node(key), key);
  throw FormatError(binding_.scope().source() + ": '" + expression.text() + "' is " + std::to_string(found) +
                    ", which must be at least 1 (" + binding_.scope().keys_of({expression}) + ")");
}

bool Arguments::flag(const char* key, bool fallback) {
  const Json found = value(key);
  return found.is_null() ? fallback : is_true(found);
}

std::string Arguments::word(const char* key, const std::string& fallback) {
  const Json found = value(key);
  if (found.is_null()) return fallback;
  if (!found.is_string())
    throw FormatError(binding_.scope().source() + ": " + key + " must be a word, not " + display(found));
  return found.string();
}

std::vector<double> Arguments::numbers(const char* key) {
  const Json found = value(key);
  std::vector<double> result;
  if (found.is_null()) return result;
  if (!found.is_array()) throw_at(mark(), std::string("'") + key + "' must give a list");
  for (const Json& item : found.array()) {
    if (!item.is_number()) throw_at(mark(), std::string("'") + key + "' must give a list of numbers");
    result.push_back(item.number());
  }
  return result;
}

// As transformers' ACT2FN spells them.
Activation Arguments::activation(const char* key) {
  static const std::map<std::string, Activation> kKnown = {
      {"silu", Activation::silu},           {"swish", Activation::silu},
      {"gelu", Activation::gelu},           {"gelu_new", Activation::gelu_tanh},
      {"gelu_fast", Activation::gelu_tanh}, {"gelu_pytorch_tanh", Activation::gelu_tanh},
      {"relu", Activation::relu},           {"sigmoid", Activation::sigmoid}};
  const std::string name = word(key, "");
  const auto found = kKnown.find(name);
  if (found != kKnown.end()) return found->second;
  std::vector<std::string> names;
  for (const auto& [known, activation] : kKnown) names.push_back(known);
  throw FormatError(binding_.scope().source() + ": the activation '" + name + "' is not known" +
                    suggestion(name, names) + "; known: silu, gelu, gelu_new, gelu_pytorch_tanh, relu");
}

void Arguments::finish() const {
  for (const Node::Member& member : step_.members())
    if (std::find(known_.begin(), known_.end(), member.key) == known_.end())
      throw_at(member.mark,
               "unknown key '" + member.key + "' in '" + op_ + "'" + suggestion(member.key, known_));
}

void Arguments::misfit(std::size_t tensor, const std::string& wanted) const {
  const ViewTensor& found = binding_.view().tensors[tensor];
  throw FormatError(binding_.place() + ": tensor '" + found.name + "' has the shape " +
                    to_string(found.shape) + ", but the configuration gives " + wanted);
}

}  // namespace pq
