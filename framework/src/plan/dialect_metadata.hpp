// Metadata that depends on the chosen encodings.
#pragma once

#include "plan/plan.hpp"

namespace pq {

/// Fills output.model.metadata and side_files from the view and adds what the encodings decide: general.file_type and
/// general.quantization_version in the GGUF dialect, config.json's dtype in the Hugging Face dialect. `file_type` -1: what llama.cpp
/// takes for the encoding that most weights have. `imatrix` and `samples` (nullptr = none) are recorded in the GGUF dialect.
void finish_metadata(PlannedOutput& output, int file_type, const Imatrix* imatrix, const SampleSet* samples);

}  // namespace pq
