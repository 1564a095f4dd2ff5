#include "evaluation/text_chunks.hpp"

#include <polyquant/base/error.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace pq {

TextChunks cut_chunks(std::span<const std::int32_t> tokens, std::int64_t context, std::int64_t chunks,
                      std::int32_t bos) {
  if (context < 4) throw ConfigError(fmt::format("the context must be at least 4 tokens, got {}", context));
  const std::int64_t available = static_cast<std::int64_t>(tokens.size()) / context;
  if (available < 2)
    throw ConfigError(fmt::format(
        "the text has {} tokens, two chunks of {} need {}; give a longer text or a smaller --context",
        tokens.size(), context, 2 * context));
  TextChunks result;
  result.context = context;
  const std::int64_t count = chunks > 0 ? std::min(chunks, available) : available;
  const auto used = tokens.first(static_cast<std::size_t>(count * context));
  result.tokens.assign(used.begin(), used.end());
  for (std::int64_t c = 0; c < count; ++c) {
    const auto chunk =
        tokens.subspan(static_cast<std::size_t>(c * context), static_cast<std::size_t>(context));
    result.inputs.emplace_back(chunk.begin(), chunk.end());
    if (bos >= 0) result.inputs.back().front() = bos;
    const auto scored = chunk.subspan(static_cast<std::size_t>(result.first_scored() + 1),
                                      static_cast<std::size_t>(result.scored()));
    result.targets.emplace_back(scored.begin(), scored.end());
  }
  return result;
}

}  // namespace pq
