// What names in a family's expressions mean: keys of config.json or of GGUF metadata, and the family's `let`.
#pragma once

#include "model/expression.hpp"

#include <polyquant/base/metadata.hpp>

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace pq {

/// Common part. For one thread at a time.
class FamilyScope : public Scope {
 public:
  using Function = std::function<Json(const std::vector<Json>&)>;

  /// `let` may be nullptr; `source` names the file in messages.
  FamilyScope(const std::map<std::string, Expression>* let, std::string source);

  /// Sets a variable ("N"), which comes before everything else.
  void set(std::string name, Json value) { variables_[std::move(name)] = std::move(value); }
  void set_function(std::string name, Function function) {
    functions_[std::move(name)] = std::move(function);
  }
  /// Answers has_tensor('NAME') and has_tensor('blk.N.NAME', layer) of expressions. Without it there are no tensors.
  void set_tensors(std::function<bool(const std::string&)> has) { has_tensor_ = std::move(has); }
  const std::string& source() const noexcept override { return source_; }

  Json lookup(const std::string& name) const override;
  Json call(const std::string& function, const std::vector<Json>& arguments) const override;
  [[noreturn]] void missing(const std::string& name) const override;
  std::string origin(const std::string& name, const Test& good) const override;
  /// "num_attention_heads 4, hidden_size 64": the keys with a value that take part in these expressions.
  std::string keys_of(const std::vector<Expression>& expressions) const;

 protected:
  /// The name of a key in messages.
  virtual std::string named(const std::string& key) const { return key; }
  /// The value of a key with dots; null if it is absent.
  virtual Json stored(const std::string& key) const = 0;

 private:
  bool is_active(const std::string& name) const;
  void collect_keys(const Expression& expression, std::vector<std::string>& keys) const;
  Json has_tensor(const std::vector<Json>& arguments) const;

  const std::map<std::string, Expression>* let_;
  std::string source_;
  std::map<std::string, Json> variables_;
  std::map<std::string, Function> functions_;
  std::function<bool(const std::string&)> has_tensor_;
  mutable std::vector<std::string> active_;  // lets being evaluated: their own name means the key
};

/// Names are keys of a config.json whose nested text configuration lies on top; absent keys have the defaults of the family.
class ConfigScope : public FamilyScope {
 public:
  ConfigScope(const std::map<std::string, Expression>* let, const Json& config, const Json& defaults,
              std::string source);
  /// Throws FormatError for a key whose value is of another kind than its class default (null is always allowed).
  void check_kinds() const { check_kinds(config_, defaults_, ""); }
  /// Keys whose default was used so far, each once.
  const std::vector<std::string>& defaults_used() const noexcept { return defaults_used_; }

 protected:
  /// The same with other defaults.
  void check_kinds(const Json& defaults) const { check_kinds(config_, defaults, ""); }
  Json stored(const std::string& key) const override;

 private:
  void check_kinds(const Json& values, const Json& defaults, const std::string& prefix) const;

  const Json& config_;
  const Json& defaults_;
  mutable std::vector<std::string> defaults_used_;
};

/// Names are GGUF keys, with or without the architecture in front. f32 values appear as the shortest number that gives them.
class MetadataScope : public FamilyScope {
 public:
  MetadataScope(const Metadata& metadata, std::string architecture, std::string source = "GGUF metadata");

 protected:
  Json stored(const std::string& key) const override;

 private:
  const Metadata& metadata_;
  std::string architecture_;
};

/// A metadata value as JSON. Arrays keep at most `limit` elements.
Json to_json_value(const MetaValue& value, std::size_t limit = 4096);

}  // namespace pq
