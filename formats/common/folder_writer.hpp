// Writes a planned set of shards: below PATH.partial until everything is there, then one rename.
#pragma once

#include "common/shard_plan.hpp"
#include "common/tensor_store.hpp"

#include <polyquant/base/file.hpp>
#include <polyquant/format.hpp>

#include <filesystem>
#include <memory>
#include <optional>
#include <vector>

namespace pq::hf {

/// write() is callable from any thread on disjoint ranges.
class FolderWriter {
 public:
  /// A folder with the side files, or, if `single_file`, only the one file of the plan. Reserves the space of everything; throws
  /// ResourceError if the disk is too small. `resume`: continue what an interrupted writer of the same plan left.
  FolderWriter(const std::filesystem::path& path, FolderPlan plan, const std::vector<SideFile>& side_files,
               bool single_file, bool resume);

  /// Bytes of a tensor from `begin` on.
  void write(std::size_t tensor, std::uint64_t begin, Bytes bytes);
  void flush();
  void keep() noexcept;
  void seal();

  /// What has been written so far, under its partial names. Before seal().
  TensorStore reopen() const;

 private:
  std::filesystem::path shard_path(const ShardPlan& shard) const;

  FolderPlan plan_;
  // Before the files: they must have closed when the folder is removed.
  std::optional<PartialFolder> folder_;
  std::filesystem::path single_;
  std::vector<std::unique_ptr<PartialFile>> files_;  // parallel to the plan's shards
};

/// Name and size of every file that the writer makes, in the order shards, index, side files. Throws ConfigError for side files that
/// cannot be written or would replace another file.
std::vector<OutputLayout::File> planned_files(const FolderPlan& plan, const std::vector<SideFile>& side_files,
                                              bool single_file);

}  // namespace pq::hf
