// Formats for reading only: gpt-oss' MXFP4 and DeepSeek's FP8 folders.
#pragma once

#include "scaled_blocks/join.hpp"

namespace pq::hf {

std::unique_ptr<Format> make_scaled_blocks_format(const std::string& id, const std::string& summary,
                                                  const JoinRule& rule);

}  // namespace pq::hf
