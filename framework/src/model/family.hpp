// A model family: what one YAML file of data/families says about names, shapes and metadata in both dialects.
// docs/how-to/add-a-model-family.md describes the file.
#pragma once

#include "model/expression.hpp"

#include <polyquant/base/metadata.hpp>
#include <polyquant/base/node.hpp>

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace pq {

/// One GGUF metadata key and where its value comes from. A null value: the key is not written.
struct MetadataRule {
  std::string key;   // ".block_count" = below the architecture's name
  std::string type;  // u32, i32, f32, bool, string; a list value gives an array of it
  Expression from;
  Expression when;
  bool required = false;
  bool before_general = false;  // the converter writes it with generated tensors, before general.*
};

/// Rows taken from every group of rows of a source.
struct TakeRule {
  Expression first, count, step;
};

/// How tensors of the two dialects correspond. Path components N and E in names count layers and experts.
struct TensorRule {
  std::vector<std::string> huggingface;  // several: their rows are joined
  std::string gguf;
  Expression when;
  Expression optional;
  std::vector<Expression> shape;       // of each Hugging Face tensor
  std::vector<Expression> gguf_shape;  // empty: follows from the rows
  Expression bias;  // there are vectors ".bias" beside ".weight": true = required, false = allowed
  bool has_bias = false;
  Expression count;   // of E
  Expression rotary;  // number of heads whose rows GGUF orders in pairs
  Expression groups;  // `take` applies to each of that many equal groups of rows
  std::vector<TakeRule> take;
  Expression add;     // GGUF weight = Hugging Face weight + add
  Expression values;  // generated: the weights as a list
  enum class Transpose {
    no,
    stored,
    taken
  } transpose = Transpose::no;  // the stored matrices, or what is taken
  bool elements = false;        // the rule moves single weights, not rows
  std::string role;             // empty: by the GGUF name
  Mark mark;
};

/// Stored tensors that are no weights of the GGUF model. `zero`: only if they hold nothing but zeros.
struct DropRule {
  std::string pattern;  // a name with * for any characters and {expressions}
  Expression when;
  bool zero = false;
};

/// Stored tensors that mean a form of storage which cannot be read, with a sentence for the user.
struct RefuseRule {
  std::string pattern;
  std::string text;
};

/// Stored tensors that the class holds in another form: its name lacks `end`, its matrices are perhaps transposed.
struct UnpackRule {
  std::string pattern;
  std::string end;
  bool transpose = false;
};

/// A condition with a sentence for the user; {expressions} in the sentence are filled in.
struct ConditionText {
  Expression when;
  std::string text;
};

struct TokenizerRule {
  std::vector<std::string> kinds;  // tried in order: sentencepiece, sentencepiece-json, llama-json, bpe
  std::vector<MetadataRule> before, after;
};

struct Family {
  std::string id;
  std::string summary;                                  // the models, for people
  std::vector<std::string> architectures, model_types;  // of config.json
  std::vector<std::string> nested;                      // keys of nested text configurations
  std::vector<std::pair<std::string, std::string>>
      rename;  // parts of stored names replaced before anything else; ^ binds to the name's begin
  std::vector<std::string>
      experts;  // forms of experts: "single", "fused"; the usual one first; empty = one form only
  std::vector<DropRule> drop;
  std::vector<DropRule> gguf_drop;  // GGUF tensors that repeat others
  std::vector<RefuseRule> refuse;
  std::vector<UnpackRule> unpacked;
  std::string gguf_architecture;
  Expression gguf_when;  // on GGUF metadata, where several families share an architecture
  Json defaults;         // class defaults of transformers for absent keys
  std::map<std::string, Expression> let;
  std::vector<ConditionText> errors, warnings;
  std::vector<MetadataRule> metadata;
  std::vector<TensorRule> tensors;
  TokenizerRule tokenizer;
  Node config;  // config.json from GGUF metadata: a map with an expression in every leaf
  Node generation_config;
  std::vector<ConditionText> reverse_warnings;
  Node graph;  // how it computes, read by forward/graph.hpp; null if it cannot be run yet
};

/// A stored name after the family's renaming.
std::string renamed(std::string name, const Family& family);

/// Reads one file. `common`: the root of common/common.yaml. Throws ConfigError at the place of a mistake.
Family parse_family(const Node& root, const Node& common);

/// The families of a folder whose files contain `word` (all, if it is empty), in the order of their file names.
std::vector<Family> load_families(const std::filesystem::path& folder, std::string_view word = {});

/// The families of the installation, read once. Callable from any thread.
const std::vector<Family>& installed_families();

/// The family of a config.json: by architecture, then by model_type. nullptr if there is none.
const Family* find_family(const std::vector<Family>& families, const Json& config);
/// The family of GGUF metadata; nullptr if there is none.
const Family* find_family(const std::vector<Family>& families, const Metadata& metadata);

/// find_family() in the installation; reads only the files that come into question. Callable from any thread.
const Family* installed_family(const Json& config);
const Family* installed_family(const Metadata& metadata);

/// All classes that the families know, for messages.
std::vector<std::string> known_architectures(const std::vector<Family>& families);

}  // namespace pq
