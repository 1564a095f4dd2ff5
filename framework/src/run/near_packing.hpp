// Stored codes and scales in an encoding whose offsets are rounded.
#pragma once

#include <polyquant/encoding.hpp>

#include <cstdint>

namespace pq {

/// How the weights of a row are kept.
enum class Fit { no, nearly, exact };

/// Rows whose offsets an encoding stores with fewer bits than they have: the codes of a GPTQ or AWQ folder have whole zero points, and
/// zero * scale has more bits than f16. Callable from any thread.
class NearPacking {
 public:
  /// For rows of `cols` columns; tries what the encoding can store.
  NearPacking(const Encoding& encoding, std::int64_t cols);

  /// The row with codes from 0 on, as the encoding stores them, and for each of its blocks an offset of the stored type: one that is exact
  /// if there is one, else the nearest, at most 1/64 of a step off. no if the encoding has no offsets, or some offset is further off.
  Fit round_offsets(const AffineRow& row, AffineRow& out) const;

 private:
  Grid grid_;
  float (*stored_)(float) = nullptr;  // rounds to the type of the stored offsets; nullptr: there are none
};

}  // namespace pq
