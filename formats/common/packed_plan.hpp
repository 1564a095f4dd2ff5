// Which tensors a model becomes whose affine matrices are stored as packed layers. Pure computation.
#pragma once

#include "common/packed_layer.hpp"

#include <polyquant/format.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace pq::hf {

/// What one tensor of an output becomes.
struct PackedTensorPlan {
  std::optional<LayerPlan> layer;  // nothing: stored as it is
  std::size_t first = 0;           // of its stored tensors
  std::size_t count = 1;
};

struct PackedPlan {
  std::vector<PlannedTensor> stored;
  std::vector<PackedTensorPlan> tensors;  // parallel to the model's
  StringPairs metadata;
  std::vector<LayerPlan> layers() const;
};

/// Throws ConfigError, naming `format`, for what it cannot express.
PackedPlan plan_packed(const OutputModel& model, const LayerStorage& storage, const std::string& format);

/// Why the format does not store rows of this encoding, or nothing.
std::optional<std::string> packed_obstacle(const std::string& spec, const Shape& shape,
                                           const LayerStorage& storage, const std::string& format);

/// Modules whose matrices stay in floating point: loaders must be told not to expect packed ones. `in_blocks`: those of numbered layer blocks
/// only.
std::vector<std::string> unpacked_modules(const OutputModel& model, bool in_blocks);

/// True for a module of a numbered layer block: "model.layers.3.mlp".
bool is_in_block(std::string_view module);

/// True for the head that turns hidden states into logits.
bool is_head(std::string_view module);

}  // namespace pq::hf
