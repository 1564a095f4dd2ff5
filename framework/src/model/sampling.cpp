#include "model/sampling.hpp"

#include "model/expression.hpp"
#include "model/scope.hpp"

#include <polyquant/base/error.hpp>

#include <fmt/format.h>

#include <cmath>
#include <limits>

namespace pq {
namespace {

constexpr double kMostFloat = std::numeric_limits<float>::max(), kMostInteger = 0x1p31 - 1;
constexpr double kAboveZero = std::numeric_limits<double>::denorm_min();

struct Key {
  const char* gguf;
  const char* source;
  bool is_integer;
  double least, most;  // what transformers takes (its logits processors); of keys that it does not know: all
  bool draws = false;  // a setting of random choice
  bool is_alias = false;  // read only
};

// Keys of generation_config.json that GGUF has a place for, in the converter's order.
constexpr Key kKeys[] = {
    {"top_k", "top_k", true, 0, kMostInteger, true},
    {"top_p", "top_p", false, 0, 1, true},
    {"min_p", "min_p", false, 0, 1, true},
    {"xtc_probability", "xtc_probability", false, -kMostFloat, kMostFloat},
    {"xtc_threshold", "xtc_threshold", false, -kMostFloat, kMostFloat},
    {"temp", "temperature", false, 0, kMostFloat, true},
    {"penalty_last_n", "penalty_last_n", true, -kMostInteger, kMostInteger},
    {"penalty_repeat", "penalty_repeat", false, kAboveZero, kMostFloat, false, true},
    {"penalty_repeat", "repetition_penalty", false, kAboveZero, kMostFloat},
    {"mirostat", "mirostat", true, -kMostInteger, kMostInteger},
    {"mirostat_tau", "mirostat_tau", false, -kMostFloat, kMostFloat},
    {"mirostat_eta", "mirostat_eta", false, -kMostFloat, kMostFloat},
};

std::string gguf_name(const Key& key) { return std::string("general.sampling.") + key.gguf; }

/// False for NaN, too.
bool is_usable(const Key& key, const Json& value) {
  return (key.is_integer ? value.is_integer() : value.is_number()) && value.number() >= key.least &&
         value.number() <= key.most;
}

std::string wanted(const Key& key) {
  const char* kind = key.is_integer ? "an integer" : "a finite number";
  if (key.most == 1) return fmt::format("{} from 0 to 1", kind);
  if (key.least == 0) return fmt::format("{} of 0 or more", kind);
  return key.least > 0 ? fmt::format("{} above 0", kind)
                       : fmt::format("{} {}", kind, key.is_integer ? "of 32 bits" : "that an f32 holds");
}

}  // namespace

void add_sampling(Metadata& metadata, const Json& generation, const std::string& source) {
  for (const Key& key : kKeys) {
    const Json* value = generation.find(key.source);
    const std::string name = gguf_name(key);
    if (value == nullptr || !value->is_number() || metadata.find(name) != nullptr) continue;
    const double number = value->number();
    if (!(std::abs(number) < (key.is_integer ? 0x1p31 : kMostFloat)))
      throw FormatError(source + ": '" + key.source + "' is " + display(*value) + ", which " + name + ", " +
                        (key.is_integer ? "an i32" : "an f32") + ", cannot hold; correct or remove the key");
    if (key.is_integer)
      metadata.set(name, static_cast<std::int32_t>(number));
    else
      metadata.set(name, static_cast<float>(number));
  }
}

void restore_sampling(Json& generation, const Metadata& metadata, const std::string& source,
                      std::vector<std::string>& warnings) {
  bool is_any = false, draws = false, is_greedy = false;
  for (const Key& key : kKeys) {
    const MetaValue* stored = metadata.find(gguf_name(key));
    if (stored == nullptr || key.is_alias) continue;
    const Json value = to_json_value(*stored, 1);
    if (!is_usable(key, value)) {
      warnings.push_back(fmt::format("{}: '{}' is {}, not {}: generation_config.json goes without '{}'",
                                     source, gguf_name(key), display(*stored), wanted(key), key.source));
      continue;
    }
    generation.set(key.source, key.is_integer ? value : Json(value.number()));
    is_any = true;
    draws = draws || key.draws;
    is_greedy = is_greedy || (key.source == std::string_view("temperature") && value.number() == 0);
  }
  if (!is_any) return;
  // The sign that transformers made all of it from config.json.
  std::erase_if(generation.object(), [](const auto& member) { return member.first == "_from_model_config"; });
  // llama.cpp draws tokens unless the temperature is 0; transformers does so only if this says it.
  if (draws) generation.set("do_sample", Json(!is_greedy));
}

}  // namespace pq
