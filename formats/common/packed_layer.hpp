// Layers whose weights several tensors hold together (codes, zeros, scales), and rows of the encoding `affine`: both directions.
#pragma once

#include "common/joined_tensor.hpp"
#include "common/shard_plan.hpp"
#include "common/storage_config.hpp"
#include "common/tensor_store.hpp"

#include <polyquant/codec/affine_options.hpp>
#include <polyquant/format.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pq::hf {

/// A matrix as a store holds it: codes lie column by column, as the kernels want them.
class PackedLayer : public JoinedTensor {
 protected:
  PackedLayer() : JoinedTensor(true) {}
};

/// A matrix to be stored.
struct LayerPlan {
  std::string module;  // name without ".weight"
  Shape shape;         // [rows, cols]
  AffineOptions options;
};

/// How a format stores such layers. Immutable, callable from any thread.
class LayerStorage {
 public:
  virtual ~LayerStorage() = default;
  /// Why a matrix cannot be stored, or nothing.
  virtual std::optional<std::string> rejects(const AffineOptions& options, const Shape& shape) const = 0;
  /// The tensors of a layer.
  virtual std::vector<PlannedTensor> tensors(const LayerPlan& layer) const = 0;
  /// Their bytes, parallel to tensors(); an empty one is written by write_shared() alone. `rows`: all rows of the encoding.
  virtual std::vector<std::vector<std::byte>> pack(const LayerPlan& layer, Bytes rows) const = 0;
  /// Number of the part that is what all rows share, as it is.
  virtual std::optional<std::size_t> shared_part(const LayerPlan&) const { return std::nullopt; }
};

/// Opens the layer whose codes are tensor `codes` of the store, which is named MODULE.qweight. `known`: its options where the writer tells
/// them, else nullptr. Throws FormatError for types and shapes that do not belong together.
class LayerOpener {
 public:
  virtual ~LayerOpener() = default;
  virtual std::unique_ptr<PackedLayer> open(const TensorStore& store, std::size_t codes,
                                            const AffineOptions* known) const = 0;
};

inline constexpr std::string_view kCodesEnd = ".qweight";
inline constexpr std::string_view kWeightEnd = ".weight";

}  // namespace pq::hf
