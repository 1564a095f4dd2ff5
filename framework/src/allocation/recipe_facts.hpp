// What recipes may ask about a model and about the place of a tensor in it.
#pragma once

#include "model/view.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace pq {

/// What a recipe may ask about one tensor, besides its name and shape. The words are those of llama-quantize (llama-quant.cpp,
/// tensor_get_category), whose choices recipes can repeat.
struct TensorPlace {
  /// "output": the matrix that makes the logits, which is the embedding where a model has no other. "attention_v": values, also fused into
  /// attn_qkv or attn_kv_b. "embedding", "attention_q", "attention_k", "attention_output", "ffn_up", "ffn_gate", "ffn_down"; "" = another.
  std::string category;
  std::int64_t count = 0;  // tensors of the category that come before this one
  std::int64_t place =
      0;  // the same; the block's number for the feed-forward tensors of a model with experts
  std::int64_t places = 0;  // blocks of the model for feed-forward tensors, else tensors of the category
};

/// The facts about one view that recipes decide by. Immutable.
struct RecipeFacts {
  Dialect dialect = Dialect::gguf;
  std::string architecture;  // general.architecture in the GGUF dialect, else the family
  std::int64_t layers = 0;
  std::int64_t heads = 0;            // of the first layer
  std::int64_t key_value_heads = 0;  // of the first layer
  std::int64_t experts = 0;
  bool tied_output = false;
  bool has_importance = false;
  std::vector<TensorPlace> places;  // parallel to the view's tensors
  /// Query heads that share one key-value head, rounded down; 0 without key-value heads.
  std::int64_t group_heads() const { return key_value_heads > 0 ? heads / key_value_heads : 0; }
};

/// Dimensions of a shape without leading ones: GGUF counts them from the row upwards, so [1, n] is a vector.
PQ_API int dimensions(const Shape& shape);

PQ_API RecipeFacts recipe_facts(const ModelView& view, bool has_importance);

}  // namespace pq
