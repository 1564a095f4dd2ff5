// Reading the layers of GPTQ folders.
#pragma once

#include "common/packed_layer.hpp"
#include "gptq/config.hpp"

namespace pq::hf {

class GptqOpener final : public LayerOpener {
 public:
  explicit GptqOpener(const GptqConfig& config) : config_(config) {}
  std::unique_ptr<PackedLayer> open(const TensorStore& store, std::size_t codes,
                                    const AffineOptions* known) const override;

 private:
  GptqConfig config_;
};

}  // namespace pq::hf
