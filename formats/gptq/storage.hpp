// Writing the layers of GPTQ folders.
#pragma once

#include "common/packed_layer.hpp"
#include "gptq/version.hpp"

namespace pq::hf {

class GptqStorage final : public LayerStorage {
 public:
  explicit GptqStorage(GptqVersion version) : version_(version) {}
  std::optional<std::string> rejects(const AffineOptions& options, const Shape& shape) const override;
  std::vector<PlannedTensor> tensors(const LayerPlan& layer) const override;
  std::vector<std::vector<std::byte>> pack(const LayerPlan& layer, Bytes rows) const override;
  std::optional<std::size_t> shared_part(const LayerPlan& layer) const override;

 private:
  GptqVersion version_;
};

}  // namespace pq::hf
