// What stands in the way of an encoding, and what to write instead.
#include "plan/encoding_obstacles.hpp"

#include "plan/choose_encoding.hpp"

#include <polyquant/base/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace pq {
namespace {

/// The recipe that is named like an encoding, or after it: q4_k_m for q4_k.
std::string recipe_named_after(const std::string& encoding) {
  const std::vector<std::string> known = known_recipes();
  for (const char* ending : {"", "_m", "_s"})
    if (std::find(known.begin(), known.end(), encoding + ending) != known.end()) return encoding + ending;
  return "";
}

}  // namespace

std::string describe(const ViewTensor& tensor) {
  return fmt::format("tensor '{}' {}", tensor.name, to_string(tensor.shape));
}

bool is_plain_role(const std::vector<std::string>& roles, const ViewTensor& tensor) {
  if (roles.empty()) return false;
  if (tensor.role.empty())
    return tensor.name.find("embed") != std::string::npos || tensor.name.find("lm_head") != std::string::npos;
  return std::find(roles.begin(), roles.end(), tensor.role) != roles.end();
}

std::optional<std::string> column_obstacle(const Encoding& encoding, const Shape& shape) {
  const EncodingInfo& info = encoding.info();
  if (cols(shape) % info.block_cols == 0) return std::nullopt;
  return fmt::format("{} needs row lengths that are multiples of {}, these have {}", info.id, info.block_cols,
                     cols(shape));
}

void refuse_recipe_as_encoding(const Node& spec, const PluginRegistry& registry, const std::string& cure) {
  if (!spec.is_scalar() || spec.text().find(':') != std::string::npos) return;
  if (registry.find_encoding(spec.text()) != nullptr) return;
  // The encoding of that name may be in a plugin that was refused; the registry says so.
  const auto& plugins = registry.plugins();
  if (std::any_of(plugins.begin(), plugins.end(), [](const PluginStatus& plugin) { return !plugin.ok; }))
    return;
  std::string id = spec.text();
  std::transform(id.begin(), id.end(), id.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  const auto recipes = known_recipes();
  if (registry.find_encoding(id) != nullptr || std::find(recipes.begin(), recipes.end(), id) == recipes.end())
    return;
  throw_at(spec.mark(), fmt::format("'{}' is a recipe, not an encoding: it mixes several; {}", spec.text(),
                                    cure.empty() ? "give an encoding, such as " +
                                                       load_recipe(id, {}).encodings.front().text()
                                                 : fmt::format(fmt::runtime(cure), id)));
}

bool EncodingChooser::in_pipeline() const { return spec_.mark.source != nullptr; }
bool EncodingChooser::is_convert() const { return !in_pipeline() && spec_.lossless.has_value(); }

/// An encoding with shorter blocks if one fits the tensor: 16 bits, rather those that are stored, would be most of the file. "" = none to advise.
std::string EncodingChooser::fallback_for(const ViewTensor& tensor) const {
  const bool is_bf16 = tensor.stored_encoding == "bf16";
  for (const char* id : {"q8_0", is_bf16 ? "bf16" : "f16", is_bf16 ? "f16" : "bf16"}) {
    const auto encoding = registry_.find_encoding(id);
    if (encoding == nullptr || spec_.fallback == id || column_obstacle(*encoding, tensor.shape)) continue;
    if (encoding->info().bits_per_weight < 16 && is_plain_role(format_.info().always_plain_roles, tensor))
      continue;
    if (!format_.rejects(*encoding, tensor.shape)) return id;
  }
  return "";
}

std::string EncodingChooser::column_cure(const ViewTensor& tensor) const {
  std::vector<std::string> cures;
  const std::string recipe = spec_.encoding.is_scalar() ? recipe_named_after(spec_.encoding.text()) : "";
  if (recipe_ == nullptr && !recipe.empty())
    cures.push_back(fmt::format("use {}, which has substitutes for such rows",
                                in_pipeline()  ? "`recipe: " + recipe + "`"
                                : is_convert() ? "`polyquant quantize ... --recipe " + recipe + "`"
                                               : "--recipe " + recipe));
  const std::string fallback = fallback_for(tensor);
  if (!spec_.fallback.empty())
    cures.push_back(in_pipeline() ? "choose another fallback" : "choose another --set outputs.0.fallback=");
  else if (!fallback.empty())
    cures.push_back(in_pipeline() ? "add `fallback: " + fallback + "`"
                                  : "add --set outputs.0.fallback=" + fallback);
  if (in_pipeline()) cures.push_back("give this tensor a rule");
  return cures.empty() ? "choose another encoding" : fmt::format("{}", fmt::join(cures, ", or "));
}

/// Formats that pack matrices have encodings of their own, without which there is nothing to pack: 16 bits would be refused next.
std::string EncodingChooser::stored_cure() const {
  std::vector<std::string> own;
  for (const EncodingEntry* entry : registry_.encodings())
    if (!format_.info().plain_roles.empty() && can_pack(entry->id)) own.push_back(entry->id);
  const std::string given = own.empty() ? "bf16" : fmt::format("{}", fmt::join(own, " or "));
  if (in_pipeline())
    return fmt::format("give an encoding (`encoding: {}`){}", given, own.empty() ? " or a recipe" : "");
  if (!own.empty()) return "give --encoding " + given;
  return is_convert() ? "give --encoding bf16, or use `polyquant quantize` with a recipe"
                      : "give --encoding bf16 or a recipe";
}

/// True if the format takes this encoding, with its usual options, for some matrix of the model, and it is no floating-point type.
bool EncodingChooser::can_pack(const std::string& id) const {
  const auto encoding = registry_.find_encoding(id);
  if (encoding == nullptr || encoding->info().grid.family == GridFamily::floating) return false;
  return std::any_of(view_.tensors.begin(), view_.tensors.end(), [&](const ViewTensor& tensor) {
    return tensor.shape.size() == 2 && !column_obstacle(*encoding, tensor.shape) &&
           !format_.rejects(*encoding, tensor.shape);
  });
}

/// True if the format has what is wanted, though not for this tensor: for a matrix of the model.
bool EncodingChooser::is_taken(const Candidates& wanted) const {
  const auto encoding = registry_.encoding(wanted.specs.front());
  return std::any_of(view_.tensors.begin(), view_.tensors.end(), [&](const ViewTensor& tensor) {
    return tensor.shape.size() == 2 && !column_obstacle(*encoding, tensor.shape) &&
           !format_.rejects(*encoding, tensor.shape);
  });
}

void EncodingChooser::refuse(const ViewTensor& tensor, const Candidates& wanted, const std::string& reason,
                             bool is_for_columns) const {
  if (wanted.is_stored)
    throw_at(wanted.mark, fmt::format("{} cannot be written as it is stored: {}; {}", describe(tensor),
                                      reason, stored_cure()));
  const std::string cure = is_for_columns || is_taken(wanted)
                               ? column_cure(tensor)
                               : "choose another encoding, or a format that has this one";
  throw_at(wanted.mark,
           fmt::format("{} cannot be used for {}: {}; {}", wanted.asked_by, describe(tensor), reason, cure));
}

}  // namespace pq
