// Products of matrices in ordinary memory, by oneDNN: the fastest instructions of the processor are chosen at run time.
#pragma once

#include <polyquant/base/executor.hpp>
#include <polyquant/base/matrix.hpp>

#include <cstdint>

namespace pq::cpu {

/// c = alpha * op(a) * op(b) + beta * c on the calling thread. With beta 0 the old c is not read.
void multiply(ConstMatrix a, bool transpose_a, ConstMatrix b, bool transpose_b, Matrix c, float alpha,
              float beta);

/// The same on all threads: c is cut into tiles of a fixed size, so that the result does not depend on the number of threads.
void multiply_tiles(ConstMatrix a, bool transpose_a, ConstMatrix b, bool transpose_b, Matrix c, float alpha,
                    float beta, Executor& executor);

/// h += x^T x on all threads.
void add_gram(ConstMatrix x, Matrix h, Executor& executor);

}  // namespace pq::cpu
