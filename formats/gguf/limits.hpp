// Numbers and keys of the container that both reading and writing need.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace pq::gguf {

inline constexpr char kMagic[4] = {'G', 'G', 'U', 'F'};
inline constexpr std::uint32_t kWrittenVersion = 3;
inline constexpr std::uint32_t kDefaultAlignment = 32;
inline constexpr std::size_t kMaxDims = 4;  // GGML_MAX_DIMS
inline constexpr std::size_t kMaxNameBytes =
    64;  // the specification; ggml needs one of them for the terminating NUL:
inline constexpr std::size_t kMaxGgmlNameBytes = 63;  // GGML_MAX_NAME - 1
inline constexpr std::size_t kMaxKeyBytes = 65535;    // the specification
// Longest string and array that ggml reads (gguf.cpp), in bytes and elements.
inline constexpr std::uint64_t kMaxStringBytes = std::uint64_t{1} << 30;
inline constexpr std::uint64_t kMaxArrayElements = std::uint64_t{1} << 30;
inline constexpr std::uint32_t kQuantizationVersion =
    2;  // GGML_QNT_VERSION: the meaning of the block layouts

inline constexpr std::string_view kArchitectureKey = "general.architecture";
inline constexpr std::string_view kAlignmentKey = "general.alignment";
inline constexpr std::string_view kQuantizationVersionKey = "general.quantization_version";
inline constexpr std::string_view kSplitNumberKey = "split.no";
inline constexpr std::string_view kSplitCountKey = "split.count";
inline constexpr std::string_view kSplitTensorsKey = "split.tensors.count";

}  // namespace pq::gguf
