// Attention in blocks: the scores of a block of queries and a block of keys are all that is in memory.
#pragma once

#include <polyquant/base/executor.hpp>
#include <polyquant/base/matrix.hpp>
#include <polyquant/math_ops.hpp>

namespace pq::cpu {

void attend(ConstMatrix q, ConstMatrix k, ConstMatrix v, const AttentionOptions& options, Matrix out,
            Executor& executor);

}  // namespace pq::cpu
