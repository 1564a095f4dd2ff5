#include "common/packed_writer.hpp"

#include <polyquant/base/error.hpp>
#include <polyquant/base/log.hpp>

#include <algorithm>
#include <utility>

namespace pq::hf {

PackedWriter::PackedWriter(const std::filesystem::path& path, const OutputModel& model, PackedPlan plan,
                           FolderPlan files, const std::vector<SideFile>& side_files,
                           std::shared_ptr<const LayerStorage> storage, Reopen reopen, bool resume)
    : plan_(std::move(plan)),
      tensors_(model.tensors),
      storage_(std::move(storage)),
      reopen_(std::move(reopen)),
      writer_(std::make_unique<FolderWriter>(path, std::move(files), side_files, false, resume)) {
  for (std::size_t t = 0; t < tensors_.size(); ++t) {
    gathering_.push_back(plan_.tensors[t].layer ? std::make_unique<Gathering>() : nullptr);
    if (gathering_.back() != nullptr) gathering_.back()->is_on_disk = resume;
  }
}

void PackedWriter::write_rows(std::size_t tensor, std::int64_t first_row, Bytes rows) {
  const std::uint64_t row_bytes = tensors_.at(tensor).row_bytes,
                      begin = static_cast<std::uint64_t>(first_row) * row_bytes;
  if (gathering_[tensor] == nullptr) return writer_->write(plan_.tensors[tensor].first, begin, rows);
  Gathering& gathering = *gathering_[tensor];
  const std::lock_guard lock(gathering.mutex);
  if (gathering.rows.empty()) start(tensor, gathering);
  PQ_ASSERT(begin <= gathering.rows.size() && rows.size() <= gathering.rows.size() - begin,
            "the rows lie in the tensor");
  std::copy(rows.begin(), rows.end(), gathering.rows.begin() + static_cast<std::ptrdiff_t>(begin));
  gathering.missing -= static_cast<std::int64_t>(rows.size() / std::max<std::uint64_t>(row_bytes, 1));
  if (gathering.missing > 0) return;
  write_layer(tensor, gathering);
  gathering.is_on_disk = true;
  std::vector<std::byte>().swap(gathering.rows);
}

void PackedWriter::start(std::size_t tensor, Gathering& gathering) const {
  const OutputTensor& info = tensors_[tensor];
  gathering.missing = pq::rows(info.shape);
  gathering.rows.resize(info.row_bytes * static_cast<std::uint64_t>(gathering.missing));
  if (gathering.is_on_disk) load(tensor, gathering.rows);
}

// What an interrupted writer has written of a layer: only the rows that it lacks will come.
void PackedWriter::load(std::size_t tensor, std::vector<std::byte>& rows) const {
  std::call_once(opened_, [&] {
    earlier_ = reopen_(writer_->reopen());
    const auto& all = earlier_->header().tensors;
    for (std::size_t i = 0; i < all.size(); ++i) earlier_tensors_.emplace(all[i].name, i);
  });
  const auto found = earlier_tensors_.find(tensors_[tensor].name);
  PQ_ASSERT(found != earlier_tensors_.end() &&
                earlier_->header().tensors[found->second].row_bytes == tensors_[tensor].row_bytes,
            "the unfinished output has the tensors of its plan");
  std::vector<std::byte> scratch;
  const Bytes stored = earlier_->rows(found->second, 0, pq::rows(tensors_[tensor].shape), scratch);
  std::copy(stored.begin(), stored.end(), rows.begin());
}

void PackedWriter::write_layer(std::size_t tensor, const Gathering& gathering) const {
  const PackedTensorPlan& planned = plan_.tensors[tensor];
  const auto parts = storage_->pack(*planned.layer, gathering.rows);
  PQ_ASSERT(parts.size() == planned.count, "every tensor of the layer is packed");
  for (std::size_t i = 0; i < parts.size(); ++i)
    if (!parts[i].empty()) writer_->write(planned.first + i, 0, parts[i]);
}

void PackedWriter::write_incomplete() const {
  for (std::size_t t = 0; t < gathering_.size(); ++t) {
    if (gathering_[t] == nullptr) continue;
    const std::lock_guard lock(gathering_[t]->mutex);
    if (!gathering_[t]->rows.empty()) write_layer(t, *gathering_[t]);
  }
}

void PackedWriter::write_shared(std::size_t tensor, Bytes shared) {
  const PackedTensorPlan& planned = plan_.tensors.at(tensor);
  const auto part = planned.layer ? storage_->shared_part(*planned.layer) : std::nullopt;
  PQ_ASSERT(part.has_value(), "only tensors with shared bytes get some");
  writer_->write(planned.first + *part, 0, shared);
}

void PackedWriter::flush() {
  write_incomplete();
  writer_->flush();
}

void PackedWriter::keep() noexcept {
  try {
    write_incomplete();
  } catch (const std::exception& error) {
    // Rows that are lost are found missing by their hashes when the run continues.
    log::debug(error.what());
  }
  writer_->keep();
}

std::unique_ptr<ModelReader> PackedWriter::reopen() const {
  write_incomplete();
  return reopen_(writer_->reopen());
}

void PackedWriter::seal() {
  write_incomplete();
  earlier_.reset();
  writer_->seal();
}

}  // namespace pq::hf
