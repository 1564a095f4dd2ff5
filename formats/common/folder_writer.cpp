#include "common/folder_writer.hpp"

#include "common/index.hpp"
#include "common/printable.hpp"
#include "common/side_files.hpp"

#include <polyquant/base/error.hpp>

#include <fmt/format.h>

#include <set>
#include <system_error>

namespace pq::hf {
namespace {

namespace fs = std::filesystem;

// A run that was killed while sealing has renamed some shards inside the partial folder already: their data must not be lost.
void reopen_sealed(const fs::path& file, std::uint64_t bytes) {
  const fs::path partial = file.string() + ".partial";
  std::error_code error;
  if (fs::exists(partial, error) || fs::file_size(file, error) != bytes || error) return;
  fs::rename(file, partial, error);
}

}  // namespace

FolderWriter::FolderWriter(const fs::path& path, FolderPlan plan, const std::vector<SideFile>& side_files,
                           bool single_file, bool resume)
    : plan_(std::move(plan)) {
  if (single_file)
    single_ = path;
  else
    folder_.emplace(path, resume);
  for (const ShardPlan& shard : plan_.shards) {
    const fs::path file = shard_path(shard);
    if (resume && folder_) reopen_sealed(file, shard.bytes);
    files_.push_back(std::make_unique<PartialFile>(file, shard.bytes, resume));
    files_.back()->write(0, std::as_bytes(std::span(shard.header)));
  }
  if (!folder_) return;
  if (!plan_.index.empty())
    write_side_file({std::string(kIndexFile), {}, plan_.index}, folder_->partial_path());
  for (const SideFile& file : side_files) write_side_file(file, folder_->partial_path());
}

fs::path FolderWriter::shard_path(const ShardPlan& shard) const {
  return folder_ ? folder_->partial_path() / shard.file : single_;
}

void FolderWriter::write(std::size_t tensor, std::uint64_t begin, Bytes bytes) {
  const TensorPlace& place = plan_.places.at(tensor);
  PQ_ASSERT(begin <= place.bytes && bytes.size() <= place.bytes - begin, "the range lies in the tensor");
  files_[place.shard]->write(place.offset + begin, bytes);
}

void FolderWriter::flush() {
  for (const auto& file : files_) file->flush();
}

void FolderWriter::keep() noexcept {
  for (const auto& file : files_) file->keep();
  if (folder_) folder_->keep();
}

void FolderWriter::seal() {
  for (const auto& file : files_) file->seal();
  if (folder_) folder_->seal();
}

TensorStore FolderWriter::reopen() const {
  std::vector<fs::path> shards;
  for (const auto& file : files_) shards.push_back(file->partial_path());
  return TensorStore(folder_ ? folder_->partial_path() : shards.front(), shards);
}

std::vector<OutputLayout::File> planned_files(const FolderPlan& plan, const std::vector<SideFile>& side_files,
                                              bool single_file) {
  std::vector<OutputLayout::File> files;
  for (const ShardPlan& shard : plan.shards) files.push_back({shard.file, shard.bytes});
  if (single_file) return files;
  if (!plan.index.empty()) files.push_back({std::string(kIndexFile), plan.index.size()});
  for (const SideFile& file : side_files) {
    check_side_name(file.name);
    files.push_back({file.name, side_file_bytes(file)});
  }
  std::set<std::string_view> names;
  for (const OutputLayout::File& file : files)
    if (!names.insert(file.name).second)
      throw ConfigError(fmt::format("two files of the output have the name {}", shown(file.name)));
  return files;
}

}  // namespace pq::hf
