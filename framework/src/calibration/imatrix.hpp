// Importance matrices: for every weight matrix the mean square of each of its input features, measured by llama-imatrix or by us.
//
// Two files exist. GGUF with general.type "imatrix": for a weight W the f32 tensors W.in_sum2 [matrices, cols], sums of squares, and
// W.counts [matrices, 1], how many activations were summed. And the older one (.dat), little-endian: i32 entries; per entry i32 length,
// name, i32 calls, i32 values, f32 values (mean square times calls); then, in newer files, i32 chunks, i32 length, name of the text.
// Names are those of GGUF: "blk.0.attn_q.weight". Experts are the matrices of one entry; those of files that name them one by one
// ("blk.0.ffn_gate.3.weight", measured on models from before experts were stacked) are put together when a file is read.
#pragma once

#include "plugin/registry.hpp"

#include <polyquant/base/file.hpp>
#include <polyquant/format.hpp>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace pq {

/// The place of the sums of an expert that no token reached: it has none.
inline constexpr std::uint64_t kNotMeasured = UINT64_MAX;

/// The statistics of one weight.
struct ImatrixEntry {
  std::string name;
  std::int64_t values = 0;  // columns times matrices
  std::vector<double>
      counts;  // what the sums are divided by: one per matrix, or one for all; 0 = never measured
  /// Of the sums, in equal parts one after the other: tensor of the GGUF file, or offset in the older one. Several: experts that the file
  /// names one by one.
  std::vector<std::uint64_t> places;
  std::int64_t part_values() const noexcept { return values / static_cast<std::int64_t>(places.size()); }
};

/// An open file. Its sums stay in the file. Callable from any thread.
class PQ_API Imatrix {
 public:
  /// Opens either kind and checks every value. Throws FormatError for what is damaged, no importance matrix, or holds NaN, infinite or
  /// negative values, naming the place; nothing is allocated before its size has been checked against the file's.
  static std::shared_ptr<const Imatrix> open(const std::filesystem::path& path,
                                             const PluginRegistry& registry);

  const std::filesystem::path& path() const noexcept { return path_; }
  const std::vector<ImatrixEntry>& entries() const noexcept { return entries_; }  // by name
  const ImatrixEntry* find(std::string_view name) const noexcept;
  const std::vector<std::string>& datasets() const noexcept { return datasets_; }
  std::int64_t chunk_count() const noexcept { return chunk_count_; }  // 0 = unknown
  std::int64_t chunk_size() const noexcept { return chunk_size_; }    // tokens; 0 = unknown
  const std::vector<std::string>& warnings() const noexcept { return warnings_; }

  /// Mean squares of the columns of one matrix of a stack of `matrices`. Empty if that matrix was never measured or all
  /// of them are zero: nothing is known about its columns then.
  std::vector<float> mean_squares(const ImatrixEntry& entry, std::int64_t matrix,
                                  std::int64_t matrices) const;

 private:
  friend class ImatrixReader;
  Imatrix() = default;
  std::vector<float> sums(const ImatrixEntry& entry, std::int64_t first, std::int64_t count) const;
  void check_values() const;

  std::filesystem::path path_;
  std::shared_ptr<const ModelReader> reader_;  // of the GGUF kind
  std::shared_ptr<const MappedFile> file_;     // of the older kind
  std::vector<ImatrixEntry> entries_;
  std::vector<std::string> datasets_, warnings_;
  std::int64_t chunk_count_ = 0, chunk_size_ = 0;
};

/// What write_imatrix() writes: sums of squares per column, matrix by matrix, and the activations behind them.
struct ImatrixData {
  struct Entry {
    std::string name;
    std::vector<float> sums;           // matrices times columns
    std::vector<std::int64_t> counts;  // one per matrix
  };
  std::vector<Entry> entries;
  std::vector<std::string> datasets;
  std::uint32_t chunk_count = 0;
  std::uint32_t chunk_size = 0;
};

/// Writes the GGUF kind, as llama-imatrix does, through a format of the GGUF dialect. Throws ConfigError for data that no reader would take
/// (no entries, no counts, sums that the matrices do not divide, non-finite or negative sums), ResourceError when the disk is full.
PQ_API void write_imatrix(const std::filesystem::path& path, const ImatrixData& data, const Format& gguf);

}  // namespace pq
