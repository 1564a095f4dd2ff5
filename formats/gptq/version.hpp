// The three ways in which GPTQ files store the same numbers.
#pragma once

#include <optional>
#include <string_view>

namespace pq::hf {

/// gptq: zeros minus one. v2: zeros as they are. planar: as they are, and codes as bit planes (3, 5, 6 and 7 bits only differ).
enum class GptqVersion { v1, v2, planar };

inline constexpr std::string_view name_of(GptqVersion version) noexcept {
  return version == GptqVersion::v1 ? "gptq" : version == GptqVersion::v2 ? "gptq_v2" : "gptq_p";
}

inline std::optional<GptqVersion> gptq_version(std::string_view name) noexcept {
  for (const GptqVersion version : {GptqVersion::v1, GptqVersion::v2, GptqVersion::planar})
    if (name == name_of(version)) return version;
  return std::nullopt;
}

/// True if the codes of this many bits are planes.
inline constexpr bool is_in_planes(GptqVersion version, int bits) noexcept {
  return version == GptqVersion::planar && bits != 2 && bits != 4 && bits != 8;
}

}  // namespace pq::hf
