#include "model/gguf_names.hpp"

#include "config/yaml.hpp"
#include "plugin/registry.hpp"

#include <algorithm>
#include <charconv>
#include <string_view>

namespace pq {
namespace {

struct Parts {
  std::string stem;    // "attn_q"
  std::string suffix;  // "weight"
  int layer = -1;
};

Parts split(const std::string& name) {
  Parts parts;
  std::string_view rest = name;
  if (rest.starts_with("blk.")) {
    const char* first = rest.data() + 4;
    const auto [end, error] = std::from_chars(first, rest.data() + rest.size(), parts.layer);
    if (error == std::errc() && parts.layer >= 0 && end != rest.data() + rest.size() && *end == '.')
      rest.remove_prefix(static_cast<std::size_t>(end + 1 - rest.data()));
    else
      parts.layer = -1;
  }
  const std::size_t dot = rest.rfind('.');
  parts.stem = rest.substr(0, dot);
  if (dot != std::string_view::npos) parts.suffix = rest.substr(dot + 1);
  return parts;
}

}  // namespace

GgufNames::GgufNames(const Node& root) {
  if (const Node* roles = root.find("roles"))
    for (const Node::Member& member : roles->members()) roles_[member.key] = member.value.as_string("role");
  if (const Node* f32 = root.find("f32"))
    for (const Node& item : f32->items()) f32_.insert(item.as_string("f32"));
  if (const Node* stacks = root.find("single_experts"))
    for (const Node::Member& member : stacks->members())
      stacks_[member.key] = member.value.as_string("single_experts");
  for (const auto& [role, names] : by_role()) words_.push_back(role);
}

std::map<std::string, std::vector<std::string>> GgufNames::by_role() const {
  std::map<std::string, std::vector<std::string>> result = {{"bias", {"*.bias"}}};
  for (const auto& [name, role] : roles_) result[role].push_back(name);
  return result;
}

const GgufNames& GgufNames::installed() {
  static const GgufNames kNames(load_yaml(data_folder() / "families" / "common" / "gguf-tensors.yaml"));
  return kNames;
}

GgufName GgufNames::describe(const std::string& name, const Shape& shape) const {
  const Parts parts = split(name);
  GgufName result;
  result.layer = parts.layer;
  result.is_expert = parts.stem.ends_with("_exps");
  // convert_hf_to_gguf.py, prepare_tensors: what is always stored as f32.
  result.keep_f32 = shape.size() <= 1 || parts.suffix != "weight" || parts.stem.ends_with("_norm") ||
                    f32_.contains(parts.stem);
  if (parts.suffix == "bias") {
    result.role = "bias";
  } else if (const auto role = roles_.find(parts.stem); role != roles_.end()) {
    result.role = role->second;
  } else if (parts.stem.ends_with("_norm")) {
    result.role = "norm";
  }
  return result;
}

std::optional<GgufExpertName> GgufNames::single_expert(const std::string& name) const {
  const Parts parts = split(name);
  const std::size_t dot = parts.stem.rfind('.');
  if (dot == std::string::npos || parts.layer < 0 || parts.suffix != "weight") return std::nullopt;
  const auto stack = stacks_.find(parts.stem.substr(0, dot));
  GgufExpertName result;
  const char* last = parts.stem.data() + parts.stem.size();
  const auto [end, error] = std::from_chars(parts.stem.data() + dot + 1, last, result.expert);
  if (stack == stacks_.end() || error != std::errc() || end != last) return std::nullopt;
  // "blk.00." and ".01." are other names, which mean nothing.
  const std::string layer = "blk." + std::to_string(parts.layer) + ".";
  if (name != layer + stack->first + "." + std::to_string(result.expert) + ".weight") return std::nullopt;
  result.stack = layer + stack->second + ".weight";
  return result;
}

bool GgufNames::is_role(const std::string& word) const {
  return std::binary_search(words_.begin(), words_.end(), word);
}

}  // namespace pq
