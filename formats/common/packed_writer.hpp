// Writes a model of packed layers. Rows of a layer arrive in any order, but its tensors hold every row in every part: they are gathered in
// memory until the layer is complete, then packed and written at once.
#pragma once

#include "common/folder_writer.hpp"
#include "common/packed_plan.hpp"

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace pq::hf {

/// Opens the unfinished output of a writer.
using Reopen = std::function<std::unique_ptr<ModelReader>(TensorStore store)>;

class PackedWriter final : public ModelWriter {
 public:
  PackedWriter(const std::filesystem::path& path, const OutputModel& model, PackedPlan plan, FolderPlan files,
               const std::vector<SideFile>& side_files, std::shared_ptr<const LayerStorage> storage,
               Reopen reopen, bool resume);

  void write_rows(std::size_t tensor, std::int64_t first_row, Bytes rows) override;
  void write_shared(std::size_t tensor, Bytes shared) override;
  /// Incomplete layers are written with zeros in the place of the rows that are missing.
  void flush() override;
  void keep() noexcept override;
  std::unique_ptr<ModelReader> reopen() const override;
  void seal() override;

 private:
  // The rows of a layer that is not complete.
  struct Gathering {
    std::mutex mutex;
    std::vector<std::byte> rows;  // empty: none has come
    std::int64_t missing = 0;
    bool is_on_disk = false;  // the files have what came before
  };

  void start(std::size_t tensor, Gathering& gathering) const;
  void write_layer(std::size_t tensor, const Gathering& gathering) const;
  void write_incomplete() const;
  void load(std::size_t tensor, std::vector<std::byte>& rows) const;

  PackedPlan plan_;
  std::vector<OutputTensor> tensors_;
  std::shared_ptr<const LayerStorage> storage_;
  Reopen reopen_;
  std::unique_ptr<FolderWriter> writer_;
  // What an interrupted writer left, opened once: files are mapped, so what is written meanwhile is seen.
  mutable std::once_flag opened_;
  mutable std::unique_ptr<ModelReader> earlier_;
  mutable std::map<std::string, std::size_t> earlier_tensors_;
  std::vector<std::unique_ptr<Gathering>> gathering_;  // parallel to the tensors; nullptr: stored as it is
};

}  // namespace pq::hf
