// Products of a matrix of f32 with a tile of rows, in the layout of error feedback: a lane is a row.
#pragma once

#include <cstddef>

namespace pq::gptq {

/// Rows in flight. Each has a lane of its own, so what happens to a row does not depend on the others.
inline constexpr std::size_t kLanes = 64;
/// Columns of a panel.
inline constexpr std::size_t kPanel = 8;

constexpr std::size_t panels(std::size_t cols) { return (cols + kPanel - 1) / kPanel; }

/// out[j][lane] += sum over i < depth of panel[i][j] * in[i][lane] for the kPanel columns j of a panel: panel[i][j] is panel[i * kPanel + j],
/// in[i][lane] is in[i * kLanes + lane], out likewise. `in` and `out` are aligned to 64 bytes.
void add_product(const float* panel, std::size_t depth, const float* in, float* out);

}  // namespace pq::gptq
