// Writing the layers of AWQ folders, version "gemm": the one that every loader reads.
#pragma once

#include "common/packed_layer.hpp"

namespace pq::hf {

class AwqStorage final : public LayerStorage {
 public:
  std::optional<std::string> rejects(const AffineOptions& options, const Shape& shape) const override;
  std::vector<PlannedTensor> tensors(const LayerPlan& layer) const override;
  std::vector<std::vector<std::byte>> pack(const LayerPlan& layer, Bytes rows) const override;
};

}  // namespace pq::hf
