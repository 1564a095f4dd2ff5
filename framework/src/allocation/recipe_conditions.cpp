#include "allocation/recipe_conditions.hpp"

#include "allocation/recipe_values.hpp"
#include "config/pattern.hpp"
#include "config/place.hpp"
#include "model/gguf_names.hpp"

#include <polyquant/base/error.hpp>
#include <polyquant/base/text.hpp>

#include <algorithm>

namespace pq {
namespace {

using Subject = RecipeSubject;

template <class T, class U>
bool has(const T& list, const U& value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

RecipeCondition architectures(const Node& value, const std::string& key) {
  return [words = words_of(value, key)](const Subject& s) { return has(words, s.facts.architecture); };
}

// A misspelt word would hold for nothing, without a word.
std::vector<std::string> known_words(const Node& value, const std::string& key, const std::string& what,
                                     const std::vector<std::string>& known) {
  std::vector<std::string> words = words_of(value, key);
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (has(known, words[i])) continue;
    const Mark& mark = value.is_sequence() ? value.items()[i].mark() : value.mark();
    const std::string hint = suggestion(words[i], known);
    throw_at(mark, "unknown " + what + " '" + words[i] + "'" + hint +
                       (hint.ends_with('?') ? "" : "; `polyquant help " + key + "` lists all"));
  }
  return words;
}

RecipeCondition category(const Node& value, const std::string& key) {
  const std::vector<std::string> words = known_words(value, key, "category", recipe_categories());
  return [words](const Subject& s) { return has(words, s.place.category); };
}

RecipeCondition columns_multiple_of(const Node& value, const std::string& key) {
  return [n = positive_of(value, key)](const Subject& s) { return cols(s.tensor.shape) % n == 0; };
}

RecipeCondition count_below(const Node& value, const std::string& key) {
  return
      [share = share_of(value, key)](const Subject& s) { return s.place.count < share.of(s.place.places); };
}

RecipeCondition dialect(const Node& value, const std::string& key) {
  const std::string text = value.as_string(key);
  if (text != "gguf" && text != "huggingface")
    throw_at(value.mark(), "'dialect' must be gguf or huggingface, got '" + text + "'");
  return [wanted = text == "gguf" ? Dialect::gguf : Dialect::huggingface](const Subject& s) {
    return s.facts.dialect == wanted;
  };
}

RecipeCondition experts(const Node& value, const std::string& key) {
  return [numbers = numbers_of(value, key)](const Subject& s) { return has(numbers, s.facts.experts); };
}

RecipeCondition experts_at_least(const Node& value, const std::string& key) {
  return [n = positive_of(value, key)](const Subject& s) { return s.facts.experts >= n; };
}

RecipeCondition group_heads_at_least(const Node& value, const std::string& key) {
  return [n = positive_of(value, key)](const Subject& s) { return s.facts.group_heads() >= n; };
}

RecipeCondition group_heads_below(const Node& value, const std::string& key) {
  return [n = positive_of(value, key)](const Subject& s) { return s.facts.group_heads() < n; };
}

RecipeCondition grouped_heads(const Node& value, const std::string& key) {
  return [wanted = value.as_bool(key)](const Subject& s) {
    return (s.facts.heads != s.facts.key_value_heads) == wanted;
  };
}

RecipeCondition has_importance(const Node& value, const std::string& key) {
  return [wanted = value.as_bool(key)](const Subject& s) { return s.facts.has_importance == wanted; };
}

RecipeCondition layers(const Node& value, const std::string& key) {
  return [numbers = numbers_of(value, key)](const Subject& s) { return has(numbers, s.facts.layers); };
}

RecipeCondition matrices_at_least(const Node& value, const std::string& key) {
  return [n = positive_of(value, key)](const Subject& s) {
    const Shape& shape = s.tensor.shape;
    return shape.size() < 3 ? n == 1 : shape[shape.size() - 3] >= n;
  };
}

RecipeCondition max_dimensions(const Node& value, const std::string& key) {
  return [n = positive_of(value, key)](const Subject& s) { return dimensions(s.tensor.shape) <= n; };
}

// use_more_bits of llama-quant.cpp: the first and the last eighth, and every third place between them.
RecipeCondition more_bits(const Node& value, const std::string& key) {
  return [wanted = value.as_bool(key)](const Subject& s) {
    const std::int64_t n = s.place.places, i = s.place.place;
    return (i < n / 8 || i >= 7 * n / 8 || (i - n / 8) % 3 == 2) == wanted;
  };
}

RecipeCondition must_be_f32(const Node& value, const std::string& key) {
  return [wanted = value.as_bool(key)](const Subject& s) { return s.tensor.keep_f32 == wanted; };
}

RecipeCondition name(const Node& value, const std::string& key) {
  std::vector<Pattern> patterns;
  for (const std::string& word : words_of(value, key)) {
    try {
      patterns.emplace_back(word);
    } catch (const ConfigError& error) {
      throw_at(value.mark(), "'" + key + "': " + error.what());
    }
  }
  return [patterns, mark = value.mark()](const Subject& s) {
    return at_place(mark, [&] {
      return std::any_of(patterns.begin(), patterns.end(),
                         [&](const Pattern& p) { return p.matches(s.tensor.name); });
    });
  };
}

RecipeCondition place_below(const Node& value, const std::string& key) {
  return
      [share = share_of(value, key)](const Subject& s) { return s.place.place < share.of(s.place.places); };
}

RecipeCondition place_from(const Node& value, const std::string& key) {
  return
      [share = share_of(value, key)](const Subject& s) { return s.place.place >= share.of(s.place.places); };
}

RecipeCondition roles(const Node& value, const std::string& key) {
  const std::vector<std::string>& known = GgufNames::installed().role_words();
  return [words = known_words(value, key, "role", known)](const Subject& s) {
    return has(words, s.tensor.role);
  };
}

RecipeCondition tied_output(const Node& value, const std::string& key) {
  return [wanted = value.as_bool(key)](const Subject& s) { return s.facts.tied_output == wanted; };
}

}  // namespace

const std::vector<std::string>& recipe_categories() {
  static const std::vector<std::string> categories = {"output",      "embedding",   "attention_q",
                                                      "attention_k", "attention_v", "attention_output",
                                                      "ffn_up",      "ffn_gate",    "ffn_down"};
  return categories;
}

const std::vector<RecipeConditionKind>& recipe_condition_kinds() {
  using Value = ConditionValue;
  static const std::vector<RecipeConditionKind> kinds = {
      {"architectures", Value::words, "The model has this GGUF architecture, or one of a list.",
       architectures},
      {"category", Value::categories,
       "The tensor is one of these: output (the embedding too, if the model has no other output matrix), "
       "embedding, "
       "attention_q, attention_k, attention_v (also fused with others), attention_output, ffn_up, ffn_gate, "
       "ffn_down; "
       "experts count with the rest.",
       category},
      {"columns_multiple_of", Value::number, "The row length is a multiple of this number.",
       columns_multiple_of},
      {"count_below", Value::share,
       "Fewer tensors of the category come before this one than this number or share (1/8) of its places.",
       count_below},
      {"dialect", Value::dialect, "The output uses the names of this dialect: gguf or huggingface.", dialect},
      {"experts", Value::numbers,
       "The model has this number of experts, or one of a list; 0 without experts.", experts},
      {"experts_at_least", Value::number, "The model has at least this number of experts.", experts_at_least},
      {"group_heads_at_least", Value::number, "At least this number of query heads share a key-value head.",
       group_heads_at_least},
      {"group_heads_below", Value::number, "Fewer than this number of query heads share a key-value head.",
       group_heads_below},
      {"grouped_heads", Value::boolean,
       "The model has fewer key-value heads than query heads (true) or as many (false).", grouped_heads},
      {"has_importance", Value::boolean, "The importance of columns is known (true) or not (false).",
       has_importance},
      {"layers", Value::numbers, "The model has this number of layers, or one of a list.", layers},
      {"matrices_at_least", Value::number,
       "The tensor is a stack of at least this number of matrices, as experts are.", matrices_at_least},
      {"max_dimensions", Value::number,
       "The tensor has at most this many dimensions; leading ones do not count.", max_dimensions},
      {"more_bits", Value::boolean,
       "The tensor is in the first or last eighth of its places, or at every third place between them "
       "(true), or it "
       "is not (false).",
       more_bits},
      {"must_be_f32", Value::boolean,
       "The readers of the format demand f32 for the tensor (true) or do not (false).", must_be_f32},
      {"name", Value::words,
       "A regular expression, or one of a list, is found in the tensor's name in the output's dialect.",
       name},
      {"place_below", Value::share,
       "The tensor's place in its category is below this number or share (1/8) of all places. The place is "
       "the number "
       "of tensors before it, or the layer for feed-forward tensors of models with experts.",
       place_below},
      {"place_from", Value::share,
       "The tensor's place is this number or share of all places, or a later one.", place_from},
      {"roles", Value::roles, "The tensor has this role, or one of a list.", roles},
      {"tied_output", Value::boolean, "The model has no output matrix of its own (true) or has one (false).",
       tied_output},
  };
  return kinds;
}

}  // namespace pq
