// The search for the scales of a fold: trials with the real encoding.
#pragma once

#include "options.hpp"

#include <polyquant/quantizer.hpp>

#include <cstdint>

namespace pq::awq {

/// The scales with the smallest loss among the trials, of which scales of 1 are the first. The loss of a trial is the sum over readers and their sampled
/// rows of d G d^T, d = Q(w s) / s - w, G = X^T X or its diagonal.
FoldScales search(const FoldJob& job, const Options& options, Executor& executor);

/// What it takes beside the statistics, for a reader of `rows` rows: once, and again for each thread.
std::uint64_t search_bytes(const Options& options, std::int64_t rows, std::int64_t cols);
std::uint64_t trial_bytes(const Encoding& encoding, std::int64_t cols);

}  // namespace pq::awq
