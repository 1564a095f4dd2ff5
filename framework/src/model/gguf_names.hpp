// What a GGUF tensor name says by itself, in every architecture: role, layer, and whether readers demand f32.
#pragma once

#include <polyquant/base/node.hpp>
#include <polyquant/base/shape.hpp>

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace pq {

struct GgufName {
  std::string role;  // "" = unknown
  int layer = -1;
  bool is_expert = false;
  bool keep_f32 = false;
};

/// A tensor of one expert, in files from before experts were stacked: "blk.3.ffn_gate.7.weight".
struct GgufExpertName {
  std::string stack;  // "blk.3.ffn_gate_exps.weight"
  std::size_t expert = 0;
};

/// The table of common/gguf-tensors.yaml. Immutable, callable from any thread.
class GgufNames {
 public:
  explicit GgufNames(const Node& root);
  /// The table of the installation, read once.
  static const GgufNames& installed();
  GgufName describe(const std::string& name, const Shape& shape) const;
  std::optional<GgufExpertName> single_expert(const std::string& name) const;
  /// Every role that a tensor of some architecture has, with the GGUF names of those tensors (without "blk.N." and ".weight"), sorted.
  std::map<std::string, std::vector<std::string>> by_role() const;
  /// The words of by_role().
  const std::vector<std::string>& role_words() const { return words_; }
  /// Some tensor has this role in some architecture.
  bool is_role(const std::string& word) const;

 private:
  std::map<std::string, std::string> roles_;
  std::vector<std::string> words_;
  std::set<std::string> f32_;
  std::map<std::string, std::string> stacks_;  // by the name of a single expert's tensor
};

}  // namespace pq
