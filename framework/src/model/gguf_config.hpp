// config.json made from GGUF metadata: what is missing or wrong there is named as the GGUF file has it.
#pragma once

#include "model/family.hpp"
#include "model/scope.hpp"

#include <polyquant/base/metadata.hpp>

#include <string>

namespace pq {

/// Throws FormatError if the metadata lack a key whose place in config.json the class would fill with a default of its own.
void refuse_class_defaults(const Family& family, const Json& config, const std::string& source);

/// Names are keys of the config.json that the family's template gave; in messages those of the metadata they came from. No class defaults.
class GgufConfigScope final : public ConfigScope {
 public:
  GgufConfigScope(const Family& family, const Json& config, std::string source);
  /// Throws FormatError for a key whose value is of another kind than the class default.
  void check_kinds() const { ConfigScope::check_kinds(family_.defaults); }

 protected:
  std::string named(const std::string& key) const override;

 private:
  const Family& family_;
};

}  // namespace pq
