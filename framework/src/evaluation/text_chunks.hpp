// A text as llama-perplexity judges it: cut into chunks of `context` tokens without overlap, the rest is dropped; if the model adds BOS, the
// first token of every chunk is replaced by it; the predictions of positions context/2 .. context-2 are scored.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace pq {

struct TextChunks {
  std::int64_t context = 0;
  std::vector<std::int32_t> tokens;               // of all chunks, as the tokenizer gave them
  std::vector<std::vector<std::int32_t>> inputs;  // what the model reads
  std::vector<std::vector<std::int32_t>>
      targets;  // per chunk the tokens that the scored positions should predict
  std::int64_t first_scored() const noexcept { return context / 2; }
  std::int64_t scored() const noexcept { return context - 1 - context / 2; }  // of a chunk
};

/// `chunks` 0 = all. `bos` -1: none is put. Throws ConfigError for a context below 4 and texts shorter than two chunks.
TextChunks cut_chunks(std::span<const std::int32_t> tokens, std::int64_t context, std::int64_t chunks,
                      std::int32_t bos);

}  // namespace pq
