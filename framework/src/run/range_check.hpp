// Weights that are larger than their encoding can store.
#pragma once

#include "run/row_measures.hpp"

#include <polyquant/encoding.hpp>

#include <cstdint>
#include <span>
#include <string_view>

namespace pq {

/// A size of weights that the encoding can store, for rows of so many columns: what f16 can hold, or a power of two below where larger ones would
/// be cut. Lattices that lose an outlier of any size are not asked for more.
float largest_stored(const Encoding& encoding, std::int64_t cols);

/// Throws VerifyError, which the same command would meet again, if row `row` of `tensor` loses its largest weight because its encoding stores
/// nothing as large: `wanted` would be read back as `got`, with the error `error`. A weight that the search gives up for others (importance 0,
/// error feedback, a coarse lattice) is none of these. Costs one comparison for rows whose weights are below `largest`, that of largest_stored(), as
/// those of real models are.
void check_range(std::string_view tensor, std::int64_t row, const Encoding& encoding, float largest,
                 std::span<const float> wanted, std::span<const float> got, const RowError& error);

}  // namespace pq
