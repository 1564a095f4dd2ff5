// Stored codes and scales in an encoding whose offsets are rounded.
#pragma once

#include <polyquant/encoding.hpp>

namespace pq {

/// How the weights of a row are kept.
enum class Fit { no, nearly, exact };

/// The row with codes from 0 on, as `encoding` stores them, and for each of its blocks an offset in f16: one that is exact if there is one, else
/// the nearest, at most 1/64 of a step off. no if the encoding has no offsets, or some offset is further off. The codes of a GPTQ or AWQ folder have
/// whole zero points, and zero * scale has more bits than f16.
Fit round_offsets(const AffineRow& row, const Encoding& encoding, AffineRow& out);

}  // namespace pq
