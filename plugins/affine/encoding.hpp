// Evenly spaced levels, as GPTQ, AWQ, HQQ, MLX and compressed-tensors checkpoints hold them. The layout: polyquant/codec/affine_rows.hpp.
#pragma once

#include <polyquant/codec/affine_options.hpp>
#include <polyquant/encoding.hpp>

#include <memory>

namespace pq::affine {

inline constexpr const char* kSummary = "2 to 8 bits, scale and zero for a group of columns (GPTQ, AWQ)";

/// Throws ConfigError for wrong options.
std::unique_ptr<Encoding> make_affine(const Node& options);

}  // namespace pq::affine
