#include "writer.hpp"

#include "limits.hpp"
#include "reader.hpp"

#include <polyquant/base/error.hpp>

#include <array>

namespace pq::gguf {

Writer::Writer(const std::filesystem::path& path, const Plan& plan, const OutputModel& model, bool resume) {
  for (const FilePlan& file : plan.files) {
    files_.push_back(std::make_unique<PartialFile>(path.parent_path() / file.name, file.bytes, resume));
    files_.back()->write(0, file.header);
  }
  constexpr std::array<std::byte, kDefaultAlignment> kZeros{};
  for (std::size_t t = 0; t < plan.places.size(); ++t) {
    const Target target{files_[plan.places[t].file].get(), plan.places[t].offset, model.tensors[t].row_bytes,
                        plan.tensor_bytes[t]};
    const std::uint64_t padding = round_up(target.bytes, kDefaultAlignment) - target.bytes;
    // Also when resuming: what the partial file holds there is not known.
    if (padding > 0) target.file->write(target.offset + target.bytes, Bytes(kZeros).first(padding));
    targets_.push_back(target);
  }
}

void Writer::write_rows(std::size_t tensor, std::int64_t first_row, Bytes rows) {
  PQ_ASSERT(tensor < targets_.size() && first_row >= 0, "the tensor must be one of the output");
  const Target& target = targets_[tensor];
  if (rows.empty()) return;
  PQ_ASSERT(target.row_bytes > 0 && rows.size() % target.row_bytes == 0, "rows must be written whole");
  const std::uint64_t offset = target.row_bytes * static_cast<std::uint64_t>(first_row);
  PQ_ASSERT(offset <= target.bytes && rows.size() <= target.bytes - offset,
            "the rows must be inside the tensor");
  target.file->write(target.offset + offset, rows);
}

void Writer::flush() {
  for (const auto& file : files_) file->flush();
}

void Writer::keep() noexcept {
  for (const auto& file : files_) file->keep();
}

std::unique_ptr<ModelReader> Writer::reopen() const {
  std::vector<std::filesystem::path> paths;
  for (const auto& file : files_) paths.push_back(file->partial_path());
  return std::make_unique<Reader>(open_files(paths));
}

void Writer::seal() {
  // All bytes are safe before the first name appears; the first part, through which a split model is opened, appears last.
  flush();
  for (std::size_t i = 1; i < files_.size(); ++i) files_[i]->seal();
  files_[0]->seal();
}

}  // namespace pq::gguf
