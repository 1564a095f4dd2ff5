// The error of every tensor of one model against another.
#pragma once

#include "evaluation/difference.hpp"
#include "model/view.hpp"

#include <polyquant/base/executor.hpp>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace pq {

/// One tensor that both models have with the same shape.
struct TensorDifference {
  std::string name;
  Shape shape;
  std::string encoding_a, encoding_b;
  Difference difference;
};

/// Reasons for which a tensor has no partner.
inline constexpr std::string_view kOnlyInA = "only in A";
inline constexpr std::string_view kOnlyInB = "only in B";

/// One tensor that could not be compared.
struct NotCompared {
  std::string name;
  std::string reason;  // "only in A", "shape [2, 3] in A, [3, 2] in B", "no plugin decodes iq9_x"
};

struct Comparison {
  std::vector<TensorDifference> tensors;  // in the order of A
  std::vector<NotCompared> not_compared;  // in the order of A, then those of B alone
  Difference total;                       // of all compared weights
};

/// Compares by name after decoding. Two views of the same dialect. The result does not depend on the number of threads. `progress` is called
/// from any one thread at a time with decoded and all weights.
PQ_API Comparison compare_models(
    const ModelView& a, const ModelView& b, const EncodingLookup& find_encoding, Executor& executor,
    const std::function<void(std::int64_t done, std::int64_t total)>& progress = {});

}  // namespace pq
