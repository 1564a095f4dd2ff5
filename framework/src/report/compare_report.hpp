// The errors of one model against another, for people and for scripts.
#pragma once

#include "evaluation/compare_models.hpp"

#include <nlohmann/json_fwd.hpp>

#include <string>

namespace pq {

PQ_API nlohmann::ordered_json comparison_json(const Comparison& comparison);

/// Sums per pair of encodings, then the tensors with the largest relative error first, at most `most_tensors` of them.
PQ_API std::string comparison_text(const Comparison& comparison, std::size_t most_tensors);

}  // namespace pq
