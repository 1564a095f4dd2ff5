#include "plan/choose_encoding.hpp"

#include "model/gguf_names.hpp"

#include <polyquant/base/error.hpp>
#include <polyquant/base/text.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace pq {
namespace {

std::string describe(const ViewTensor& tensor) {
  return fmt::format("tensor '{}' {}", tensor.name, to_string(tensor.shape));
}

Pattern compile(const Rule& rule) {
  try {
    return Pattern(rule.match);
  } catch (const ConfigError& error) {
    throw_at(rule.mark,
             fmt::format("{}; it is read as ECMAScript, escape special characters with a backslash",
                         error.what()));
  }
}

/// Why the rows of the tensor are no whole blocks of this encoding, or nothing.
std::optional<std::string> column_obstacle(const Encoding& encoding, const Shape& shape) {
  const EncodingInfo& info = encoding.info();
  if (cols(shape) % info.block_cols == 0) return std::nullopt;
  return fmt::format("{} needs row lengths that are multiples of {}, these have {}", info.id, info.block_cols,
                     cols(shape));
}

/// The role that a word was perhaps meant to be.
std::string role_hint(const std::string& match) {
  const GgufNames& names = GgufNames::installed();
  if (names.is_role(match)) return "";
  const auto meant = nearest(match, names.role_words());
  return meant ? "; did you mean '" + *meant + "'?" : "";
}

}  // namespace

EncodingChooser::EncodingChooser(const OutputSpec& spec, const ModelView& view, const Format& format,
                                 const PluginRegistry& registry, const Recipe* recipe, bool has_importance)
    : spec_(spec), view_(view), format_(format), registry_(registry), recipe_(recipe) {
  if (recipe != nullptr) facts_ = recipe_facts(view, has_importance);
  for (const Rule& rule : spec.rules) patterns_.push_back(compile(rule));
  check_names();
}

// What no tensor of this model needs would be taken as it stands, and fail for the next model.
void EncodingChooser::check_names() const {
  const auto check = [&](const Node& spec) {
    refuse_recipe_as_encoding(spec);
    registry_.encoding(spec);
  };
  if (!spec_.fallback.empty()) check(Node::scalar(spec_.fallback, false, spec_.fallback_mark));
  for (const Rule& rule : spec_.rules) check(rule.encoding);
  if (recipe_ == nullptr || recipe_->is_built_in) return;
  // Included parts name encodings of all plugins, which need not be there.
  const auto check_own = [&](const std::vector<Node>& specs) {
    for (const Node& spec : specs)
      if (spec.mark().source == spec_.mark.source && spec.text() != "stored") check(spec);
  };
  for (const RecipeRule& rule : recipe_->rules) check_own(rule.encodings);
  check_own(recipe_->encodings);
}

bool EncodingChooser::fits(std::size_t rule, const ViewTensor& tensor) const {
  const std::string& match = spec_.rules[rule].match;
  // 'output' is the head, not every name with that word in it; where roles are not known, names are all there is.
  if (!tensor.role.empty() && GgufNames::installed().is_role(match)) return match == tensor.role;
  return patterns_[rule].matches(tensor.name) || patterns_[rule].matches(tensor.source_name);
}

EncodingChooser::Candidates EncodingChooser::candidates(std::size_t index) const {
  const ViewTensor& tensor = view_.tensors[index];
  const auto named = [&](const std::string& text) { return Node::scalar(text, false, spec_.mark); };
  // llama.cpp computes with norms, biases and routers in f32 only: no rule can change that.
  if (tensor.keep_f32) return {{named("f32")}, "the format", spec_.mark};
  for (std::size_t i = 0; i < spec_.rules.size(); ++i)
    if (fits(i, tensor))
      return {{spec_.rules[i].encoding}, fmt::format("rule '{}'", spec_.rules[i].match), spec_.rules[i].mark};
  if (recipe_ != nullptr)
    return {encodings_for(*recipe_, facts_, view_, index), fmt::format("recipe '{}'", recipe_->id),
            spec_.mark, recipe_->is_built_in};
  if (!spec_.encoding.is_null()) return {{spec_.encoding}, "'encoding'", spec_.mark};
  Candidates stored{{named(tensor.stored_encoding.empty() ? "f32" : tensor.stored_encoding)},
                    "the model",
                    spec_.mark,
                    false,
                    true};
  // f32 may be GGUF's choice, not the model's.
  stored.first_if_exact = !tensor.matrix_encoding.empty();
  if (stored.first_if_exact) stored.specs.insert(stored.specs.begin(), named(tensor.matrix_encoding));
  return stored;
}

PlannedTensor EncodingChooser::carry(std::size_t index, const Candidates& candidates) const {
  const ViewTensor& tensor = view_.tensors[index];
  const bool unchanged = candidates.specs.size() == 1 && candidates.specs[0].is_scalar() &&
                         candidates.specs[0].text() == tensor.stored_encoding;
  if (unchanged && tensor.rows_are_stored()) return {index, nullptr, {}, Route::copy, {}};
  throw PluginError(
      fmt::format("{} is stored as {}, which no loaded plugin can decode; see `polyquant plugins`",
                  describe(tensor), tensor.encoding_name()));
}

Route EncodingChooser::route(const ViewTensor& tensor, const Encoding& target, const Encoding* stored) const {
  if (stored == nullptr) return Route::quantize;
  if (tensor.rows_are_stored() && stored->info().spec == target.info().spec) return Route::copy;
  const bool repack = spec_.lossless.value_or(Lossless::no) != Lossless::no && tensor.rows_are_stored() &&
                      stored->info().grid.family == GridFamily::affine &&
                      target.info().grid.family == GridFamily::affine;
  return repack ? Route::repack : Route::quantize;
}

std::shared_ptr<const Encoding> EncodingChooser::make(const Node& spec, const Candidates& wanted,
                                                      const ViewTensor& tensor) const {
  if (wanted.by_built_in && registry_.find_encoding(spec.text()) == nullptr)
    throw PluginError(fmt::format(
        "{}{} needs the encoding '{}'{} for {}, which no loaded plugin has; see `polyquant plugins`",
        spec_.mark.source ? spec_.mark.to_string() + ": " : "", wanted.asked_by, spec.text(),
        spec.mark().source ? " (" + spec.mark().to_string() + ")" : "", describe(tensor)));
  refuse_recipe_as_encoding(spec);
  return registry_.encoding(spec);
}

/// Q4_K_M and its like are what people know; in llama.cpp the two are one list.
void EncodingChooser::refuse_recipe_as_encoding(const Node& spec) const {
  if (!spec.is_scalar() || spec.text().find(':') != std::string::npos) return;
  if (registry_.find_encoding(spec.text()) != nullptr) return;
  // The encoding of that name may be in a plugin that was refused; the registry says so.
  const auto& plugins = registry_.plugins();
  if (std::any_of(plugins.begin(), plugins.end(), [](const PluginStatus& plugin) { return !plugin.ok; }))
    return;
  std::string id = spec.text();
  std::transform(id.begin(), id.end(), id.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  const auto recipes = known_recipes();
  if (registry_.find_encoding(id) != nullptr ||
      std::find(recipes.begin(), recipes.end(), id) == recipes.end())
    return;
  throw_at(spec.mark(), fmt::format("'{}' is a recipe, not an encoding: it mixes several; write {}",
                                    spec.text(), in_pipeline() ? "`recipe: " + id + "`" : "--recipe " + id));
}

bool EncodingChooser::in_pipeline() const { return spec_.mark.source != nullptr; }

PlannedTensor EncodingChooser::choose(std::size_t index) const {
  const ViewTensor& tensor = view_.tensors[index];
  Candidates wanted = candidates(index);
  const RowDecoder stored =
      RowDecoder::find(view_, tensor, [&](const std::string& spec) { return registry_.find_encoding(spec); });
  if (!stored.missing().empty()) return carry(index, wanted);

  std::string reason, last_reason;
  // The tensor with this encoding, or nothing, why (of all), and whether it is for its columns.
  const auto attempt = [&](const Node& spec, bool& is_for_columns) -> std::optional<PlannedTensor> {
    const auto encoding = make(spec, wanted, tensor);
    auto problem = column_obstacle(*encoding, tensor.shape);
    is_for_columns = problem.has_value();
    if (!problem) problem = format_.rejects(*encoding, tensor.shape);
    if (!problem && wanted.first_if_exact && &spec == wanted.specs.data() &&
        !holds_exactly(view_, index, *encoding, stored)) {
      problem = encoding->info().id + " cannot hold its weights exactly";
      is_for_columns = true;  // the other choice is next
    }
    if (!problem)
      return PlannedTensor{index, encoding, stored, route(tensor, *encoding, stored.common()), reason};
    if (reason.empty()) reason = *problem;
    last_reason = *problem;
    return std::nullopt;
  };
  // Further choices of a recipe are for columns that do not divide. For a format that lacks an encoding there is only `fallback:`.
  bool is_for_columns = true;
  for (const Node& spec : wanted.specs) {
    if (auto planned = attempt(spec, is_for_columns)) return *planned;
    if (!is_for_columns) break;
  }
  if (!spec_.fallback.empty()) {
    if (auto planned = attempt(Node::scalar(spec_.fallback, false, spec_.fallback_mark), is_for_columns))
      return *planned;
    if (last_reason != reason)
      reason += fmt::format(", and the fallback '{}' does not fit either: {}", spec_.fallback, last_reason);
  }
  refuse(tensor, wanted, reason);
}

void EncodingChooser::refuse(const ViewTensor& tensor, const Candidates& wanted,
                             const std::string& reason) const {
  if (wanted.is_stored)
    throw_at(wanted.mark,
             fmt::format("{} cannot be written as it is stored: {}; give {} or a recipe", describe(tensor),
                         reason, in_pipeline() ? "an encoding (`encoding: bf16`)" : "--encoding bf16"));
  // f16 fits every tensor of every format that stores half precision; where it is refused itself, there is none to advise.
  const bool is_refused = spec_.fallback == "f16";
  const std::string cure = in_pipeline()
                               ? fmt::format("{} or a rule for this tensor",
                                             is_refused ? "choose another fallback" : "add `fallback: f16`")
                           : is_refused ? "choose another --set outputs.0.fallback="
                                        : "add --set outputs.0.fallback=f16";
  throw_at(wanted.mark,
           fmt::format("{} cannot be used for {}: {}; {}", wanted.asked_by, describe(tensor), reason, cure));
}

std::vector<std::string> EncodingChooser::unused_rules() const {
  std::vector<std::string> result;
  for (std::size_t i = 0; i < spec_.rules.size(); ++i)
    if (std::none_of(view_.tensors.begin(), view_.tensors.end(),
                     [&](const ViewTensor& t) { return !t.keep_f32 && fits(i, t); }))
      result.push_back(fmt::format("{}: rule '{}' matches no tensor that may be quantized{}",
                                   spec_.rules[i].mark.to_string(), spec_.rules[i].match,
                                   role_hint(spec_.rules[i].match)));
  return result;
}

}  // namespace pq
