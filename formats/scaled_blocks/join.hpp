// How two stored tensors, numbers and their scales, become rows of one encoding.
#pragma once

#include "common/joined_tensor.hpp"
#include "common/storage_config.hpp"
#include "common/tensor_store.hpp"

#include <polyquant/format.hpp>

#include <memory>
#include <string>

namespace pq::hf {

/// One way of storing: which names belong together, and what they mean.
struct JoinRule {
  std::string method;       // quantization_config.quant_method
  std::string numbers_end;  // how the names of the numbers end: "_blocks"
  std::string scales_end;   // and those of their scales, after the same begin: "_scales"
  std::string dtype;        // of the numbers, which mean nothing without their scales: "U8"
  /// Throws FormatError, beginning with `place`, for types and shapes that do not belong together. `config`: what config.json says.
  std::unique_ptr<JoinedTensor> (*join)(const TensorStore& store, std::size_t numbers, std::size_t scales,
                                        const StorageConfig& config, const std::string& place) = nullptr;
};

/// gpt-oss: U8 [.., rows, blocks, 16] and exponents U8 [.., rows, blocks] become rows of `mxfp4`.
const JoinRule& mxfp4_rule();
/// DeepSeek-V3: F8_E4M3 [.., rows, cols] and F32, BF16 or F8_E8M0 scales for tiles of weight_block_size become rows of `fp8_block`.
const JoinRule& fp8_rule();

/// A sentence on two tensors of a checkpoint that do not fit, for FormatError.
std::string misfit(const std::string& place, const StoredTensor& numbers, const StoredTensor& scales,
                   const std::string& wanted);

}  // namespace pq::hf
