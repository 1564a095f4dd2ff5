#include "codec_stream.hpp"

#include "base/interrupt.hpp"

#include <polyquant/base/error.hpp>
#include <polyquant/base/file.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>

namespace pq::cli {
namespace {

constexpr std::size_t kChunkBytes = std::size_t{8} << 20;
constexpr std::int64_t kRowsPerTask = 16;  // SIMD lanes may span rows

// Fills the buffer as far as the input goes; returns the bytes read.
std::size_t read_bytes(std::FILE* input, MutableBytes buffer) {
  const std::size_t count = std::fread(buffer.data(), 1, buffer.size(), input);
  if (std::ferror(input) != 0) throw FormatError("standard input: cannot be read");
  return count;
}

// Calls body(rows, bytes of these rows) for chunks of whole rows.
void for_chunks(std::FILE* input, std::size_t row_bytes, std::size_t chunk_rows,
                const std::function<void(std::int64_t, Bytes)>& body) {
  std::vector<std::byte> buffer(row_bytes * chunk_rows);
  for (std::uint64_t total = 0;;) {
    throw_if_interrupted();
    const std::size_t count = read_bytes(input, buffer);
    total += count;
    if (count % row_bytes != 0)
      throw FormatError(fmt::format(
          "standard input: {} bytes are not a multiple of a row's {} bytes; check --cols", total, row_bytes));
    if (count > 0) body(static_cast<std::int64_t>(count / row_bytes), Bytes(buffer).first(count));
    if (count < buffer.size()) return;
  }
}

}  // namespace

void check_cols(const Encoding& encoding, std::int64_t cols) {
  const EncodingInfo& info = encoding.info();
  if (cols < 1 || cols > kMaxCols)
    throw ConfigError(fmt::format("--cols must be between 1 and {}, got {}", kMaxCols, cols));
  if (cols % info.block_cols != 0)
    throw ConfigError(fmt::format("{} needs row lengths that are multiples of {}, --cols is {}", info.spec,
                                  info.block_cols, cols));
}

void encode_rows(const RowEncoder& encoder, const Encoding& encoding, Executor& executor, ConstMatrix rows,
                 MutableBytes out) {
  const std::size_t row_bytes = encoding.row_bytes(rows.cols);
  executor.for_ranges(rows.rows, kRowsPerTask, [&](std::int64_t begin, std::int64_t end) {
    const auto first = static_cast<std::size_t>(begin) * row_bytes;
    encoder.encode(rows.slice(begin, end - begin),
                   out.subspan(first, static_cast<std::size_t>(end - begin) * row_bytes));
  });
}

void decode_rows(const Encoding& encoding, Executor& executor, Bytes rows, Matrix out) {
  const std::size_t row_bytes = encoding.row_bytes(out.cols);
  executor.for_ranges(out.rows, kRowsPerTask, [&](std::int64_t begin, std::int64_t end) {
    const auto first = static_cast<std::size_t>(begin) * row_bytes;
    encoding.decode(rows.subspan(first, static_cast<std::size_t>(end - begin) * row_bytes),
                    out.slice(begin, end - begin));
  });
}

void encode_stream(const Encoding& encoding, const EncodeRequest& request, Executor& executor,
                   std::FILE* input, const ByteSink& output) {
  const auto cols = static_cast<std::size_t>(request.cols);
  const std::size_t chunk_rows = std::max<std::size_t>(1, kChunkBytes / (cols * sizeof(float)));
  const std::size_t row_bytes = encoding.row_bytes(request.cols);
  const auto encoder = encoding.encoder(request);
  std::vector<float> weights(chunk_rows * cols);
  std::vector<std::byte> encoded(chunk_rows * row_bytes);
  for_chunks(input, cols * sizeof(float), chunk_rows, [&](std::int64_t rows, Bytes bytes) {
    std::memcpy(weights.data(), bytes.data(), bytes.size());
    const MutableBytes out = MutableBytes(encoded).first(static_cast<std::size_t>(rows) * row_bytes);
    encode_rows(*encoder, encoding, executor, {weights.data(), rows, request.cols, request.cols}, out);
    output(out);
  });
}

void decode_stream(const Encoding& encoding, std::int64_t cols, Executor& executor, std::FILE* input,
                   const ByteSink& output) {
  const std::size_t row_values = static_cast<std::size_t>(cols);
  const std::size_t chunk_rows = std::max<std::size_t>(1, kChunkBytes / (row_values * sizeof(float)));
  std::vector<float> weights(chunk_rows * row_values);
  for_chunks(input, encoding.row_bytes(cols), chunk_rows, [&](std::int64_t rows, Bytes bytes) {
    decode_rows(encoding, executor, bytes, {weights.data(), rows, cols, cols});
    output(std::as_bytes(std::span(weights).first(static_cast<std::size_t>(rows) * row_values)));
  });
}

std::vector<float> read_f32_file(const std::filesystem::path& path) {
  const MappedFile file(path);
  if (file.size() % sizeof(float) != 0)
    throw FormatError(
        fmt::format("{}: {} bytes are not a whole number of f32 values", path.string(), file.size()));
  std::vector<float> values(static_cast<std::size_t>(file.size() / sizeof(float)));
  if (!values.empty()) std::memcpy(values.data(), file.bytes().data(), static_cast<std::size_t>(file.size()));
  return values;
}

std::vector<float> read_importance(const std::filesystem::path& path, std::int64_t cols) {
  std::vector<float> values = read_f32_file(path);
  if (static_cast<std::int64_t>(values.size()) != cols)
    throw FormatError(fmt::format("{}: {} values, but --cols is {}", path.string(), values.size(), cols));
  for (std::size_t i = 0; i < values.size(); ++i)
    if (!(values[i] >= 0) || !std::isfinite(values[i]))
      throw FormatError(fmt::format("{}: value {} is {}; the importance of a column is a finite number >= 0",
                                    path.string(), i, values[i]));
  if (std::all_of(values.begin(), values.end(), [](float v) { return v == 0; }))
    throw FormatError(path.string() + ": all values are 0; at least one column must matter");
  return values;
}

}  // namespace pq::cli
