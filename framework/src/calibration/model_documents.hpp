// Documents as the tokenizer and the chat template of a model see them.
#pragma once

#include "calibration/samples.hpp"
#include "model/open_model.hpp"
#include "tokenizer/tokenizer.hpp"

#include <filesystem>
#include <memory>

namespace pq {

/// `vocabulary`: of the model, whose embedding may have fewer rows than the tokenizer has tokens.
DocumentEncoder document_encoder(const OpenedModel& model, const std::filesystem::path& path,
                                 std::shared_ptr<const Tokenizer> tokenizer, std::int64_t vocabulary);

}  // namespace pq
