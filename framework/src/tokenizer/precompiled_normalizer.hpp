// The normalizer Precompiled of tokenizer.json.
#pragma once

#include "tokenizer/pre_tokenizer.hpp"

#include <memory>
#include <string>
#include <string_view>

namespace pq {

/// Throws FormatError "SOURCE: ..." for what is no base64 or no character map.
std::unique_ptr<const Normalizer> make_precompiled_normalizer(std::string_view base64,
                                                              const std::string& source);

}  // namespace pq
