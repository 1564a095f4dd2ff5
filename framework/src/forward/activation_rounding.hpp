// Activations in front of a product, rounded as the programs round them that run an encoding natively.
#pragma once

#include <polyquant/base/matrix.hpp>
#include <polyquant/encoding.hpp>

#include <span>

namespace pq {

/// What becomes of the inputs of products. exact: nothing, products are of f32 numbers and decoded weights. engine: what the encoding of
/// the weights says (EncodingInfo::activations).
enum class ActivationMode { exact, engine };

/// Rounds a row in place, block by block from its first column; the last block may be shorter. Numbers that are not finite stay so.
void round_activations(ActivationRounding rounding, std::span<float> row) noexcept;

}  // namespace pq
