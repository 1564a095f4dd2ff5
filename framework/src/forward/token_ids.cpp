#include "forward/token_ids.hpp"

#include <polyquant/base/error.hpp>

#include <fmt/format.h>

namespace pq {

void check_tokenizer_ids(std::span<const std::int32_t> ids, std::int64_t vocabulary) {
  for (const std::int32_t id : ids)
    if (id < 0 || id >= vocabulary)
      throw FormatError(fmt::format(
          "the tokenizer gives the token {}, but the model has {} only; the files do not belong together", id,
          vocabulary));
}

}  // namespace pq
