#include "model/gguf_config.hpp"

#include "model/expression.hpp"

#include <polyquant/base/error.hpp>

namespace pq {
namespace {

const Json& no_defaults() {
  static const Json none;
  return none;
}

// The metadata key that an expression of the template reads first; "" if it reads none.
std::string metadata_key(const Node& node, const Family& family) {
  if (!node.is_scalar()) return {};
  const std::string name = Expression::parse(node.text()).first_name();
  const bool has_prefix = name.empty() || name.starts_with("tokenizer.") || name.starts_with("general.");
  return has_prefix ? name : family.gguf_architecture + "." + name;
}

}  // namespace

void refuse_class_defaults(const Family& family, const Json& config, const std::string& source) {
  for (const Node::Member& member : family.config.members()) {
    if (member.key.ends_with('!') || config.find(member.key) != nullptr) continue;
    const Json* usual = family.defaults.find(member.key);
    const std::string key = metadata_key(member.value, family);
    if (usual == nullptr || usual->is_null() || key.empty()) continue;
    throw FormatError(source + ": the key '" + key + "' is missing; without it config.json has no '" +
                      member.key + "', and " + display(*usual) +
                      ", the default of the class, would be taken");
  }
}

GgufConfigScope::GgufConfigScope(const Family& family, const Json& config, std::string source)
    : ConfigScope(&family.let, config, no_defaults(), std::move(source)), family_(family) {}

std::string GgufConfigScope::named(const std::string& key) const {
  for (const std::string& spelling : {key, key + "!"})
    if (const Node* node = family_.config.find(spelling))
      if (std::string found = metadata_key(*node, family_); !found.empty()) return found;
  return key;
}

}  // namespace pq
