// The tensor rules of a family written out for one model: which tensors exist in both dialects and how their rows correspond.
#pragma once

#include "model/family.hpp"
#include "model/scope.hpp"
#include "model/view.hpp"

#include <polyquant/base/shape.hpp>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace pq {

/// Far above every model, so that a config.json with nonsense does not fill the memory.
inline constexpr std::int64_t kMaxLayers = 10000;

/// One GGUF tensor and the Hugging Face tensors whose rows it has.
struct TensorLink {
  std::vector<std::string> huggingface;  // empty if generated
  Shape shape;                           // of each of them
  std::string gguf;
  Shape gguf_shape;
  RowMap map;                      // rows of the GGUF tensor; Part::stored is an index into `huggingface`
  bool elements = false;           // the map counts single weights
  bool stored_transposed = false;  // the map counts rows of the transposed Hugging Face matrices
  bool result_transposed = false;  // the GGUF matrices are the transposed mapped rows
  float add = 0;
  std::vector<float> generated;
  std::string role;
  int layer = -1;
  bool optional = false;
  const TensorRule* rule = nullptr;  // of the family, for messages
};

/// The shape whose rows the map of the link counts: that of a Hugging Face tensor, transposed or one weight per row where the rule says so.
Shape mapped_shape(const TensorLink& link);

/// All links of the family for the layers that `scope` (a config) gives. Throws FormatError for a config that contradicts itself, ConfigError
/// for a rule that cannot work. `stored`: the tensors of the model; a config with more layers is refused before they are written out.
std::vector<TensorLink> tensor_links(const Family& family, ConfigScope& scope, std::size_t stored = SIZE_MAX);

/// The number of the matrix of a stacked GGUF tensor that row `row` of it belongs to; 0 if it is no stack.
std::int64_t matrix_of_row(const TensorLink& link, std::int64_t row);
/// True if columns of the Hugging Face tensors are columns of the GGUF tensor.
inline bool keeps_columns(const TensorLink& link) {
  return !link.stored_transposed && !link.result_transposed && !link.elements && link.generated.empty();
}

/// The part of `links` that makes the Hugging Face tensor number `source` of link `link` from GGUF tensors: parts refer to links by index.
struct ReverseTensor {
  std::string name;
  Shape shape;
  RowMap map;            // Part::stored is an index into the links
  std::size_t link = 0;  // one of them, for role, layer, addition and transposition
};
/// Every Hugging Face tensor that the links make. `present[i]`: the GGUF tensor of link i is there. Throws ConfigError if rows are missing.
std::vector<ReverseTensor> reverse_links(const std::vector<TensorLink>& links,
                                         const std::vector<bool>& present);

/// `name` with an index in place of the path component `letter`: "blk.N.attn_q" -> "blk.3.attn_q".
std::string with_index(const std::string& name, char letter, std::int64_t index);

/// True if `name` fits `pattern`, where * stands for any characters.
bool matches(std::string_view name, std::string_view pattern);

}  // namespace pq
