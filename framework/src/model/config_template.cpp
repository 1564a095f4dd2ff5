#include "model/config_template.hpp"

#include <polyquant/base/error.hpp>

namespace pq {

Json fill_template(const Node& node, const Scope& scope) {
  if (node.is_scalar()) return Expression::parse(node.text()).evaluate(scope);
  if (node.is_sequence()) {
    for (const Node& item : node.items())
      if (Json value = fill_template(item, scope); !value.is_null()) return value;
    return Json();
  }
  if (!node.is_map()) return Json();
  if (const Node* when = node.find("when"); when != nullptr && !is_true(fill_template(*when, scope)))
    return Json();
  Json::Object members;
  for (const Node::Member& member : node.members()) {
    if (member.key == "when") continue;
    const bool keeps_null = member.key.ends_with('!');
    Json value = fill_template(member.value, scope);
    if (keeps_null || !value.is_null())
      members.emplace_back(member.key.substr(0, member.key.size() - (keeps_null ? 1 : 0)), std::move(value));
  }
  return Json(std::move(members));
}

}  // namespace pq
