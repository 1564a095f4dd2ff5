// Sizes as people write them.
#pragma once

#include <cstdint>
#include <string_view>

namespace pq::hf {

/// "5GB" (10^9), "500MB", "2GiB" (2^30), "1000000": bytes. Throws ConfigError naming `option` for anything else, and for zero.
std::uint64_t parse_size(std::string_view text, std::string_view option);

}  // namespace pq::hf
