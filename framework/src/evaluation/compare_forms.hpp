// Comparing models that hold the same weights in different forms: fused experts, or one by one; names of a folder, or of a GGUF file.
#pragma once

#include "evaluation/compare_models.hpp"

#include <filesystem>

namespace pq {

/// A model to compare: what is open, and where it is.
struct ComparedModel {
  std::shared_ptr<const ModelReader> reader;
  std::filesystem::path path;
};

/// By the names of the source framework; what only one of the models has under a name, by GGUF's names, where a family has one form only. Two
/// models of one dialect need no known family.
PQ_API Comparison compare_forms(const ComparedModel& a, const ComparedModel& b,
                                const EncodingLookup& find_encoding, Executor& executor);

}  // namespace pq
