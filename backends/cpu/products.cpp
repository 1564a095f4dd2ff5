#include "products.hpp"

#include <polyquant/base/error.hpp>

#include <dlfcn.h>
#include <dnnl.h>

#include <algorithm>

namespace pq::cpu {
namespace {

// Measured (docs/adr/0014): smaller tiles pack their inputs too often, larger ones leave threads without work.
constexpr std::int64_t kTileRows = 512, kTileCols = 256;
constexpr std::int64_t kGramRows = 192;

// The loops around products are ours; oneDNN, as Debian builds it, would start OpenMP threads of its own in each of them.
void keep_to_this_thread() {
  thread_local const bool done = [] {
    void* openmp = ::dlopen("libgomp.so.1", RTLD_NOW | RTLD_NOLOAD);
    if (openmp == nullptr) return true;  // built without OpenMP
    using SetThreads = void (*)(int);
    if (const auto set = reinterpret_cast<SetThreads>(::dlsym(openmp, "omp_set_num_threads"))) set(1);
    return true;
  }();
  static_cast<void>(done);
}

ConstMatrix part(ConstMatrix matrix, bool transposed, std::int64_t first, std::int64_t count) {
  if (!transposed) return matrix.slice(first, count);
  return {matrix.data + first, matrix.rows, count, matrix.stride};
}

}  // namespace

void multiply(ConstMatrix a, bool transpose_a, ConstMatrix b, bool transpose_b, Matrix c, float alpha,
              float beta) {
  const std::int64_t inner = transpose_a ? a.rows : a.cols;
  PQ_ASSERT(inner == (transpose_b ? b.cols : b.rows) && c.rows == (transpose_a ? a.cols : a.rows) &&
                c.cols == (transpose_b ? b.rows : b.cols),
            "shapes of a matrix product agree");
  if (c.rows == 0 || c.cols == 0) return;
  keep_to_this_thread();
  const dnnl_status_t status =
      dnnl_sgemm(transpose_a ? 'T' : 'N', transpose_b ? 'T' : 'N', c.rows, c.cols, inner, alpha, a.data,
                 a.stride, b.data, b.stride, beta, c.data, c.stride);
  if (status == dnnl_out_of_memory)
    throw ResourceError(
        "out of memory: oneDNN finds none to multiply matrices; free some, raise its limit (ulimit -v), or "
        "use fewer --threads");
  PQ_ASSERT(status == dnnl_success, "oneDNN multiplies matrices whose shapes agree");
}

void multiply_tiles(ConstMatrix a, bool transpose_a, ConstMatrix b, bool transpose_b, Matrix c, float alpha,
                    float beta, Executor& executor) {
  const std::int64_t across = (c.cols + kTileCols - 1) / kTileCols,
                     down = (c.rows + kTileRows - 1) / kTileRows;
  executor.for_ranges(across * down, 1, [&](std::int64_t tile, std::int64_t) {
    const std::int64_t row = tile / across * kTileRows, col = tile % across * kTileCols;
    const std::int64_t rows = std::min(kTileRows, c.rows - row), cols = std::min(kTileCols, c.cols - col);
    multiply(part(a, transpose_a, row, rows), transpose_a, part(b, !transpose_b, col, cols), transpose_b,
             Matrix{c.data + row * c.stride + col, rows, cols, c.stride}, alpha, beta);
  });
}

void add_gram(ConstMatrix x, Matrix h, Executor& executor) {
  // Only the part up to the diagonal block is computed; the rest is its mirror image.
  executor.for_ranges(h.rows, kGramRows, [&](std::int64_t begin, std::int64_t end) {
    multiply(part(x, true, begin, end - begin), true, part(x, true, 0, end), false,
             Matrix{h.data + begin * h.stride, end - begin, end, h.stride}, 1, 1);
  });
  executor.for_ranges(h.rows, kGramRows, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r)
      for (std::int64_t c = r + 1; c < h.cols; ++c) h.data[r * h.stride + c] = h.data[c * h.stride + r];
  });
}

}  // namespace pq::cpu
