// Writing the layers of GPTQ folders.
#pragma once

#include "common/packed_layer.hpp"
#include "gptq/version.hpp"

#include <array>
#include <cstdint>

namespace pq::hf {

/// Sizes of groups that GPTQModel accepts (quantization/config.py).
inline constexpr std::array<std::int64_t, 8> kGroups = {-1, 16, 32, 64, 128, 256, 512, 1024};

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
