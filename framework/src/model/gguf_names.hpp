// What a GGUF tensor name says by itself, in every architecture: role, layer, and whether readers demand f32.
#pragma once

#include <polyquant/base/node.hpp>
#include <polyquant/base/shape.hpp>

#include <map>
#include <set>
#include <string>

namespace pq {

struct GgufName {
  std::string role;  // "" = unknown
  int layer = -1;
  bool is_expert = false;
  bool keep_f32 = false;
};

/// The table of common/gguf-tensors.yaml. Immutable, callable from any thread.
class GgufNames {
 public:
  explicit GgufNames(const Node& root);
  /// The table of the installation, read once.
  static const GgufNames& installed();
  GgufName describe(const std::string& name, const Shape& shape) const;
  /// Some tensor has this role in some architecture.
  bool is_role(const std::string& word) const;

 private:
  std::map<std::string, std::string> roles_;
  std::set<std::string> f32_;
};

}  // namespace pq
