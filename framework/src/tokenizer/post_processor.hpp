// The post-processor of tokenizer.json: the ids around one text.
#pragma once

#include "base/json.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace pq {

struct AroundText {
  std::vector<std::int32_t> before, after;
};

/// From the "post_processor" object, nullptr and null give nothing. Throws FormatError "SOURCE: ..." for a kind that is not supported.
AroundText read_post_processor(const Json* processor, const std::string& source);

}  // namespace pq
