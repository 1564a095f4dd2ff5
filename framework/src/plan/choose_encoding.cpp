#include "plan/choose_encoding.hpp"

#include "config/defaults.hpp"
#include "config/place.hpp"
#include "model/gguf_names.hpp"
#include "plan/common_scales.hpp"
#include "plan/encoding_obstacles.hpp"

#include <polyquant/base/error.hpp>
#include <polyquant/base/text.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace pq {
namespace {

Pattern compile(const Rule& rule) {
  try {
    return Pattern(rule.match);
  } catch (const ConfigError& error) {
    throw_at(rule.mark,
             fmt::format("{}; it is read as ECMAScript, escape special characters with a backslash",
                         error.what()));
  }
}

/// The role that a word was perhaps meant to be. A part of a tensor's name that other architectures have is no typing error.
std::optional<std::string> meant_role(const std::string& match) {
  const GgufNames& names = GgufNames::installed();
  if (names.is_role(match)) return std::nullopt;
  for (const auto& [role, tensors] : names.by_role())
    for (const std::string& tensor : tensors)
      if (tensor.find(match) != std::string::npos) return std::nullopt;
  return nearest(match, names.role_words());
}

/// Formats that cut weights short do so for matrices: norms and biases are few, and readers compute with them as they are.
constexpr double kWideBits = 16;
bool is_vector(const ViewTensor& tensor) { return tensor.shape.size() < 2 || tensor.role == "norm"; }

}  // namespace

EncodingChooser::EncodingChooser(const OutputSpec& spec, const ModelView& view, const Format& format,
                                 const PluginRegistry& registry, const Recipe* recipe, bool has_importance)
    : spec_(spec), view_(view), format_(format), registry_(registry), recipe_(recipe) {
  if (recipe != nullptr) facts_ = recipe_facts(view, has_importance);
  for (const Rule& rule : spec.rules) patterns_.push_back(compile(rule));
  if (!spec.encoding.is_null()) {
    refuse_recipe_as_encoding(spec.encoding, registry,
                              in_pipeline()  ? "write `recipe: {}`"
                              : is_convert() ? "use `polyquant quantize ... --recipe {}`"
                                             : "write --recipe {}");
    is_narrow_ = registry.encoding(spec.encoding)->info().bits_per_weight < kWideBits;
  }
  check_names();
}

// What no tensor of this model needs would be taken as it stands, and fail for the next model.
void EncodingChooser::check_names() const {
  const auto check = [&](const Node& spec) {
    refuse_recipe_as_encoding(spec, registry_);
    registry_.encoding(spec);
  };
  if (!spec_.fallback.empty()) check(Node::scalar(spec_.fallback, false, spec_.fallback_mark));
  for (const Rule& rule : spec_.rules) check(rule.encoding);
}

bool EncodingChooser::fits(std::size_t rule, const ViewTensor& tensor) const {
  const std::string& match = spec_.rules[rule].match;
  // 'output' is the head, not every name with that word in it; where roles are not known, names are all there is.
  if (!tensor.role.empty() && GgufNames::installed().is_role(match)) return match == tensor.role;
  return at_place(spec_.rules[rule].mark, [&] {
    return patterns_[rule].matches(tensor.name) || patterns_[rule].matches(tensor.source_name);
  });
}

/// The place of a key of the output in its file; the output's own where the key was given elsewhere.
const Mark& EncodingChooser::place_of(const Mark& key) const { return key.line > 0 ? key : spec_.mark; }

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
            place_of(spec_.recipe_mark), recipe_->is_built_in};
  if (!spec_.encoding.is_null()) return by_encoding(tensor);
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

EncodingChooser::Candidates EncodingChooser::by_encoding(const ViewTensor& tensor) const {
  const Mark& given = spec_.encoding.mark();
  const bool is_option = given.source != nullptr && given.line == 0;
  const std::string asked_by = !is_option                   ? "'encoding'"
                               : spec_.encoding.is_scalar() ? *given.source + " " + spec_.encoding.text()
                                                            : *given.source;
  Candidates wanted{{spec_.encoding}, asked_by, place_of(given)};
  const bool is_plain = is_plain_role(format_.info().plain_roles, tensor);
  if (!is_narrow_ || (!is_vector(tensor) && !is_plain)) return wanted;
  const std::string stored = tensor.stored_encoding.empty() ? "f32" : tensor.stored_encoding;
  const auto kept = registry_.find_encoding(stored);
  const bool is_kept = kept != nullptr && kept->info().bits_per_weight >= kWideBits &&
                       !format_.rejects(*kept, tensor.shape).has_value();
  if (!is_kept && !is_plain) return wanted;
  wanted.specs = {Node::scalar(is_kept ? stored : default_component("plain_encoding"), false, spec_.mark)};
  wanted.note = is_plain ? fmt::format("readers of format '{}' expect it as it is", format_.info().id)
                         : "an encoding below 16 bits is for matrices, norms and biases stay as they are";
  return wanted;
}

PlannedTensor EncodingChooser::carry(std::size_t index, const Candidates& candidates) const {
  const ViewTensor& tensor = view_.tensors[index];
  const bool unchanged = candidates.specs.size() == 1 && candidates.specs[0].is_scalar() &&
                         candidates.specs[0].text() == tensor.stored_encoding;
  if (unchanged && tensor.rows_are_stored()) return {index, nullptr, {}, Route::copy, {}};
  throw PluginError(
      fmt::format("{} is stored as {}, which no loaded plugin can decode; name the folder of its plugin with "
                  "--plugin-path (see `polyquant plugins`)",
                  describe(tensor), tensor.encoding_name()));
}

Route EncodingChooser::route(std::size_t index, const Encoding& target, const Encoding* stored) const {
  const ViewTensor& tensor = view_.tensors[index];
  if (stored == nullptr) return Route::quantize;
  if (tensor.rows_are_stored() && stored->info().spec == target.info().spec) return Route::copy;
  const bool repack = spec_.lossless.value_or(Lossless::no) != Lossless::no && tensor.rows_are_stored() &&
                      stored->info().grid.family == GridFamily::affine &&
                      target.info().grid.family == GridFamily::affine &&
                      may_share_scales(view_, index, target, *stored);
  return repack ? Route::repack : Route::quantize;
}

std::shared_ptr<const Encoding> EncodingChooser::make(const Node& spec, const Candidates& wanted,
                                                      const ViewTensor& tensor) const {
  if (wanted.by_built_in && registry_.find_encoding(spec.text()) == nullptr)
    throw PluginError(fmt::format(
        "{}{} needs the encoding '{}'{} for {}, which no loaded plugin has; see `polyquant plugins`",
        wanted.mark.source ? wanted.mark.to_string() + ": " : "", wanted.asked_by, spec.text(),
        spec.mark().source ? " (" + spec.mark().to_string() + ")" : "", describe(tensor)));
  refuse_recipe_as_encoding(spec, registry_);
  return registry_.encoding(spec);
}

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
    if (!problem && encoding->info().bits_per_weight < kWideBits &&
        is_plain_role(format_.info().always_plain_roles, tensor))
      problem =
          fmt::format("readers of format '{}' take this tensor in 16 or 32 bits only", format_.info().id);
    if (!problem && tensor.shape.size() > 2 && encoding->shared_bytes(cols(tensor.shape)) != 0 &&
        route(index, *encoding, stored.common()) != Route::copy)
      problem = encoding->info().spec + " needs one matrix per tensor, and this is a stack of them";
    if (!problem && wanted.first_if_exact && &spec == wanted.specs.data() &&
        !holds_exactly(view_, index, *encoding, stored)) {
      problem = encoding->info().id + " cannot hold its weights exactly";
      is_for_columns = true;  // the other choice is next
    }
    if (!problem)
      return PlannedTensor{index, encoding, stored, route(index, *encoding, stored.common()),
                           reason.empty() ? wanted.note : reason};
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
  refuse(tensor, wanted, reason, is_for_columns);
}

std::vector<std::string> EncodingChooser::unused_rules() const {
  std::vector<std::string> result;
  const auto any = [&](const auto& holds) {
    return std::any_of(view_.tensors.begin(), view_.tensors.end(), holds);
  };
  for (std::size_t i = 0; i < spec_.rules.size(); ++i) {
    const auto& [match, encoding, mark] = spec_.rules[i];
    if (any([&](const ViewTensor& t) { return !t.keep_f32 && fits(i, t); })) continue;
    const bool is_unheard_of = !any([&](const ViewTensor& t) { return fits(i, t); });
    if (const auto meant = meant_role(match); meant && is_unheard_of)
      throw_at(mark, fmt::format("unknown role '{}', which is in no tensor's name either; did you mean '{}'?",
                                 match, *meant));
    const char* hint = match == "output" && view_.facts.tied_output
                           ? ": this model's output matrix is its embedding (role 'embedding')"
                           : "";
    result.push_back(fmt::format("{}: rule '{}' matches no tensor that may be quantized{}", mark.to_string(),
                                 match, hint));
  }
  return result;
}

}  // namespace pq
