// Sizes as people write them, the same for all formats.
#pragma once

#include <polyquant/base/node.hpp>

#include <cstdint>
#include <string_view>

namespace pq::hf {

/// The last words of the help of every option that takes a size.
inline constexpr const char* kSizeUnits =
    "K, M, G, T (or KB, MB, GB, TB) count in thousands; KiB, MiB, GiB, TiB in steps of 1024.";

/// "5GB" and "5G" (10^9), "500MB", "2GiB" (2^30), "1000000": bytes. Throws ConfigError at `mark`, naming `option`, for anything else and
/// for zero.
std::uint64_t parse_size(std::string_view text, std::string_view option, const Mark& mark = {});

}  // namespace pq::hf
