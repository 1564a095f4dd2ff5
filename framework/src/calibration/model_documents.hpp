// Documents as the tokenizer and the chat template of a model see them.
#pragma once

#include "calibration/samples.hpp"
#include "model/open_model.hpp"
#include "tokenizer/tokenizer.hpp"

#include <filesystem>
#include <functional>
#include <memory>

namespace pq {

/// Opens the tokenizer of a model, or gives the one that is open.
using TokenizerOpener = std::function<std::shared_ptr<const Tokenizer>()>;

/// `vocabulary`: of the model, whose embedding may have fewer rows than the tokenizer has tokens. The tokenizer is opened for the first text;
/// documents that are all token ids need none, and without one nothing is put in front of their samples, with a warning.
DocumentEncoder document_encoder(const OpenedModel& model, const std::filesystem::path& path,
                                 TokenizerOpener tokenizer, std::int64_t vocabulary);
DocumentEncoder document_encoder(const OpenedModel& model, const std::filesystem::path& path,
                                 std::shared_ptr<const Tokenizer> tokenizer, std::int64_t vocabulary);

}  // namespace pq
