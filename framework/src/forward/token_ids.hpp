// Whether a tokenizer and a model belong together.
#pragma once

#include <cstdint>
#include <span>

namespace pq {

/// Throws FormatError if a tokenizer gave ids that the model does not have.
void check_tokenizer_ids(std::span<const std::int32_t> ids, std::int64_t vocabulary);

}  // namespace pq
