// Products and triangular solutions in the layout of error feedback: a lane is a row.
#pragma once

#include <cstddef>

namespace pq::gptq {

/// Rows in flight. Each has a lane of its own, so what happens to a row does not depend on the others.
inline constexpr std::size_t kLanes = 64;
/// Columns of a panel.
inline constexpr std::size_t kPanel = 8;

constexpr std::size_t panels(std::size_t cols) { return (cols + kPanel - 1) / kPanel; }

/// Panels of f32 numbers that follow each other: entry (i, j) of panel t is at [t * step + i * kPanel + j].
struct Panels {
  const float* first;
  std::size_t step, count;
};

/// For every panel t and its kPanel columns j: out[t * kPanel + j][lane] += sum over i < depth of panel t [i][j] * in[i][lane]. in[i][lane] is
/// in[i * kLanes + lane], out likewise. `in` and `out` are aligned to 64 bytes.
void add_products(const Panels& panels, std::size_t depth, const float* in, float* out);

/// The same in f64 with minus, of `cols` columns (a multiple of kPanel): out[j][lane] -= sum over i < depth of
/// factors[i * stride + j] * in[i][lane].
void subtract_products(const double* factors, std::size_t stride, std::size_t cols, std::size_t depth,
                       const double* in, double* out);

/// Solves x U = tile, U upper triangular with U[i][j] at upper[i * stride + j], for the lanes of `cols` columns (a multiple of kPanel), in place.
void solve_upper(const double* upper, std::size_t stride, std::size_t cols, double* tile);

/// Overwrites a symmetric kLanes x kLanes tile, of which only lanes >= column are looked at, with its lower factor there; false if it is not
/// positive definite.
bool factor_tile(double* tile);

}  // namespace pq::gptq
