// The two kinds of importance matrix files.
#pragma once

#include "calibration/imatrix.hpp"

namespace pq {

/// Fills an Imatrix from a file; for one thread.
class ImatrixReader {
 public:
  explicit ImatrixReader(const std::filesystem::path& path) { imatrix_->path_ = path; }
  std::shared_ptr<const Imatrix> read(const PluginRegistry& registry);

 private:
  [[noreturn]] void fail(const std::string& what) const;
  void add(ImatrixEntry entry);
  void finish();
  void stack_experts();

  void read_gguf(std::shared_ptr<const ModelReader> reader);
  void read_metadata(const Metadata& metadata);
  void add_pair(const std::string& name, const TensorInfo* sums, const TensorInfo* counts);
  std::vector<double> read_counts(const TensorInfo& counts, const std::string& name) const;

  void read_legacy();
  ImatrixEntry read_legacy_entry(std::uint64_t& at) const;
  void read_legacy_tail(std::uint64_t at);
  template <class T>
  T take(std::uint64_t& at, const std::string& what) const;
  std::string take_text(std::uint64_t& at, std::uint64_t limit, const std::string& what) const;

  std::shared_ptr<Imatrix> imatrix_{new Imatrix};
};

}  // namespace pq
