// Weights of the running layer on the device, decoded from whatever encoding they are stored in.
#pragma once

#include "forward/activation_rounding.hpp"
#include "model/view.hpp"

#include <polyquant/backend.hpp>
#include <polyquant/base/executor.hpp>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

namespace pq {

/// Where weights come from: the model as it is stored, or a changed copy of some tensors. Callable from any thread.
class WeightSource {
 public:
  virtual ~WeightSource() = default;
  virtual const ModelView& view() const = 0;
  /// Rows [first, first + out.rows) of a tensor of the view, as f32.
  virtual void read(std::size_t tensor, std::int64_t first, Matrix out,
                    std::vector<std::byte>& scratch) const = 0;
  /// How the inputs of products with this tensor are rounded.
  virtual ActivationRounding activations(std::size_t tensor) const;
  /// These rows are not needed soon. A hint.
  virtual void release(std::size_t tensor, std::int64_t first, std::int64_t count) const;
};

/// The weights as they are stored. Throws PluginError for an encoding that no plugin decodes, when it is read.
std::unique_ptr<WeightSource> stored_weights(std::shared_ptr<const ModelView> view,
                                             const EncodingLookup& find_encoding,
                                             ActivationMode activations = ActivationMode::exact);

/// Rows of a tensor that a product takes as its matrix [out, in]: of one matrix of a stack, the same part of each of `groups` equal parts.
struct WeightSlice {
  std::size_t tensor = 0;
  std::int64_t matrix = 0;  // of a stack [n, rows, cols]; vectors: the row, or -1 for the whole tensor
  bool transposed = false;  // stored as [in, out]; rows below are columns then
  std::int64_t groups = 1, first = 0, count = 0, step = 1;  // rows first + i * step, i < count, of each group
  std::int64_t out = 0, in = 0;

  std::int64_t source_row(std::int64_t row, std::int64_t stored_rows) const noexcept {
    return row / count * (stored_rows / groups) + first + row % count * step;
  }
  auto operator<=>(const WeightSlice&) const = default;
};

/// Weights on the device, kept while their layer runs and as long as all together take at most kDefaultLimit. One caller at a time.
class WeightCache {
 public:
  WeightCache(const WeightSource& source, Device& device, Executor& executor)
      : source_(source), device_(device), executor_(executor) {}

  /// Bytes on the device. Beyond it the experts of a large layer are decoded again for every batch.
  static constexpr std::uint64_t kDefaultLimit = std::uint64_t{4} << 30;

  const WeightSource& source() const noexcept { return source_; }
  Executor& executor() const noexcept { return executor_; }
  /// The slice as [out, in].
  std::shared_ptr<const DeviceMatrix> matrix(const WeightSlice& slice);
  /// Whole tensors as one row, one after another.
  std::shared_ptr<const DeviceMatrix> row(const std::vector<WeightSlice>& parts);
  /// The same on the host.
  std::vector<float> values(const WeightSlice& slice) const;
  /// Rows of a tensor by number, [rows.size(), cols].
  std::unique_ptr<DeviceMatrix> rows(std::size_t tensor, std::span<const std::int32_t> rows) const;
  /// Drops everything if it takes more than kDefaultLimit; called between experts.
  void trim();
  /// Drops everything. What callers still hold stays valid.
  void clear();

 private:
  void read_rows(const WeightSlice& slice, Matrix out) const;
  void read_transposed(const WeightSlice& slice, Matrix out) const;
  std::unique_ptr<DeviceMatrix> load(const WeightSlice& slice) const;

  const WeightSource& source_;
  Device& device_;
  Executor& executor_;
  std::map<WeightSlice, std::shared_ptr<const DeviceMatrix>> matrices_;
  std::map<std::vector<WeightSlice>, std::shared_ptr<const DeviceMatrix>> rows_;
  std::uint64_t bytes_ = 0;
};

}  // namespace pq
