// A GGUF model being written.
#pragma once

#include "layout.hpp"

#include <polyquant/base/file.hpp>
#include <polyquant/format.hpp>

#include <filesystem>
#include <memory>
#include <vector>

namespace pq::gguf {

/// Headers and padding are written at once, rows at their final places in any order.
class Writer final : public ModelWriter {
 public:
  /// Reserves all files next to `path`.
  Writer(const std::filesystem::path& path, const Plan& plan, const OutputModel& model, bool resume);

  void write_rows(std::size_t tensor, std::int64_t first_row, Bytes rows) override;
  void flush() override;
  void keep() noexcept override;
  std::unique_ptr<ModelReader> reopen() const override;
  void seal() override;

 private:
  struct Target {
    PartialFile* file = nullptr;
    std::uint64_t offset = 0;
    std::uint64_t row_bytes = 0;
    std::uint64_t bytes = 0;
  };
  std::vector<std::unique_ptr<PartialFile>> files_;
  std::vector<Target> targets_;  // by tensor
};

}  // namespace pq::gguf
