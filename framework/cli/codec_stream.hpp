// The bare codec on byte streams: rows of little-endian f32 to encoded rows and back.
#pragma once

#include <polyquant/base/executor.hpp>
#include <polyquant/encoding.hpp>

#include <cstdio>
#include <filesystem>
#include <functional>
#include <vector>

namespace pq::cli {

using ByteSink = std::function<void(Bytes)>;

constexpr std::int64_t kMaxCols = std::int64_t{1} << 28;  // a row of 1 GiB

/// Throws ConfigError if rows of `cols` weights cannot be encoded.
void check_cols(const Encoding& encoding, std::int64_t cols);

/// Reads whole rows until the end of `input`; a last row that is not complete throws FormatError.
void encode_stream(const Encoding& encoding, const EncodeRequest& request, Executor& executor,
                   std::FILE* input, const ByteSink& output);
void decode_stream(const Encoding& encoding, std::int64_t cols, Executor& executor, std::FILE* input,
                   const ByteSink& output);

/// A file of little-endian f32. Throws FormatError.
std::vector<float> read_f32_file(const std::filesystem::path& path);
/// One weight >= 0 per column, with at least one above 0. Throws FormatError.
std::vector<float> read_importance(const std::filesystem::path& path, std::int64_t cols);

/// Encodes or decodes all rows on the executor's threads; the result does not depend on their number.
void encode_rows(const RowEncoder& encoder, const Encoding& encoding, Executor& executor, ConstMatrix rows,
                 MutableBytes out);
void decode_rows(const Encoding& encoding, Executor& executor, Bytes rows, Matrix out);

}  // namespace pq::cli
