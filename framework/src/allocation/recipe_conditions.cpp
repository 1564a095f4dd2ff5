#include "allocation/recipe_conditions.hpp"

#include "config/pattern.hpp"

#include <polyquant/base/error.hpp>

#include <algorithm>

namespace pq {
namespace {

std::vector<std::string> words_of(const Node& value, const std::string& key) {
  if (value.is_scalar()) return {value.text()};
  if (!value.is_sequence() || value.items().empty())
    throw_at(value.mark(), "'" + key + "' must be a word or a list of words");
  std::vector<std::string> words;
  for (const Node& item : value.items()) words.push_back(item.as_string(key));
  return words;
}

std::int64_t positive(const Node& value, const std::string& key) {
  const std::int64_t number = value.as_int(key);
  if (number < 1) throw_at(value.mark(), "'" + key + "' must be at least 1, got '" + value.text() + "'");
  return number;
}

// GGUF counts dimensions from the row upwards and takes trailing ones as absent: [1, n] is a vector.
int dimensions(const Shape& shape) {
  const auto first = std::find_if(shape.begin(), shape.end(), [](std::int64_t n) { return n != 1; });
  return static_cast<int>(shape.end() - first);
}

RecipeCondition columns_multiple_of(const Node& value, const std::string& key) {
  return [n = positive(value, key)](const RecipeSubject& s) { return cols(s.tensor.shape) % n == 0; };
}

RecipeCondition dialect(const Node& value, const std::string& key) {
  const std::string text = value.as_string(key);
  if (text != "gguf" && text != "huggingface")
    throw_at(value.mark(), "'dialect' must be gguf or huggingface, got '" + text + "'");
  return [wanted = text == "gguf" ? Dialect::gguf : Dialect::huggingface](const RecipeSubject& s) {
    return s.dialect == wanted;
  };
}

RecipeCondition must_be_f32(const Node& value, const std::string& key) {
  return [wanted = value.as_bool(key)](const RecipeSubject& s) { return s.tensor.keep_f32 == wanted; };
}

RecipeCondition max_dimensions(const Node& value, const std::string& key) {
  return [n = positive(value, key)](const RecipeSubject& s) { return dimensions(s.tensor.shape) <= n; };
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
  return [patterns](const RecipeSubject& s) {
    return std::any_of(patterns.begin(), patterns.end(),
                       [&](const Pattern& p) { return p.matches(s.tensor.name); });
  };
}

RecipeCondition roles(const Node& value, const std::string& key) {
  return [words = words_of(value, key)](const RecipeSubject& s) {
    return std::find(words.begin(), words.end(), s.tensor.role) != words.end();
  };
}

RecipeCondition tied_output(const Node& value, const std::string& key) {
  return [wanted = value.as_bool(key)](const RecipeSubject& s) { return s.facts.tied_output == wanted; };
}

}  // namespace

const std::vector<RecipeConditionKind>& recipe_condition_kinds() {
  static const std::vector<RecipeConditionKind> kinds = {
      {"columns_multiple_of", "The row length is a multiple of this number.", columns_multiple_of},
      {"dialect", "The output uses the names of this dialect: gguf or huggingface.", dialect},
      {"max_dimensions", "The tensor has at most this many dimensions; leading ones do not count.",
       max_dimensions},
      {"must_be_f32", "The readers of the format demand f32 for the tensor (true) or do not (false).",
       must_be_f32},
      {"name",
       "A regular expression, or one of a list, is found in the tensor's name in the output's dialect.",
       name},
      {"roles", "The tensor has this role, or one of a list.", roles},
      {"tied_output", "The model has no output matrix of its own (true) or has one (false).", tied_output},
  };
  return kinds;
}

}  // namespace pq
