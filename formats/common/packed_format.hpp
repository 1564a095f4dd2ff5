// What the formats of packed layers share: a Hugging Face folder, recognised by its quant_method.
#pragma once

#include "common/packed_plan.hpp"
#include "common/packed_reader.hpp"

#include <polyquant/format.hpp>
#include <polyquant/options.hpp>

#include <initializer_list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace pq::hf {

/// How an output is to be written, decided from its options and layers.
struct PackedOutput {
  std::shared_ptr<const LayerStorage> storage;
  PackedPlan plan;
  std::uint64_t max_shard_bytes = 0;
  std::vector<SideFile> side_files;   // with the description of the storage
  std::vector<std::string> warnings;  // for the log when the output is laid out
};

class PackedFormat : public Format {
 public:
  /// `always_plain`: roles of matrices that loaders know in floating point only.
  PackedFormat(const std::string& id, const std::string& summary, std::vector<std::string> always_plain)
      : info_{id,
              summary,
              Dialect::huggingface,
              true,
              true,
              {"embedding", "position_embedding", "output", "router"},
              std::move(always_plain)} {}

  const FormatInfo& info() const final { return info_; }
  int probe(const Probe& probe) const final;
  std::unique_ptr<ModelReader> open(const std::filesystem::path& path) const final;
  std::optional<std::string> rejects(const Encoding& encoding, const Shape& shape) const final;
  OutputLayout layout(const std::filesystem::path& path, const OutputModel& model) const final;
  std::unique_ptr<ModelWriter> create(const std::filesystem::path& path, const OutputModel& model,
                                      bool resume) const final;
  std::uint64_t gathered_bytes(const OutputTensor& tensor) const final;

 private:
  /// Files of its own beside config.json that describe the storage.
  virtual std::initializer_list<const char*> own_files() const = 0;
  /// How certain a folder with this file, and without quant_method, is of this format.
  virtual int certainty_of(std::string_view file) const = 0;
  virtual std::unique_ptr<LayerOpener> opener(const StorageConfig& config) const = 0;
  /// For rejects(), before anything of an output is known.
  virtual const LayerStorage& default_storage() const = 0;
  virtual PackedOutput output(const OutputModel& model) const = 0;

  std::unique_ptr<ModelReader> open(std::unique_ptr<const TensorStore> store, const KnownLayers& known) const;
  PackedOutput checked_output(const std::filesystem::path& path, const OutputModel& model) const;

  FormatInfo info_;
};

}  // namespace pq::hf
