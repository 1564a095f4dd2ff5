// Reading the layers of AWQ folders.
#pragma once

#include "common/packed_layer.hpp"

#include <polyquant/codec/affine_rows.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace pq::hf {

/// How the codes lie. gemm: [in, out / 8], interleaved. gemv: [out, in / 8]. fast: [out / 4, in] of 16 bits ("gemv_fast", and llm-awq).
enum class AwqVersion { gemm, gemv, fast };

/// What reading needs to know.
struct AwqConfig {
  std::optional<std::int64_t> group;  // -1: the whole row
  AwqVersion version = AwqVersion::gemm;
  bool symmetric = false;  // all zeros are said to be 8
};

/// Throws FormatError for another method, a storage that polyquant does not read, and values that nothing can mean.
AwqConfig parse_awq_config(const StorageConfig& config);

class AwqOpener final : public LayerOpener {
 public:
  explicit AwqOpener(const AwqConfig& config) : config_(config) {}
  std::unique_ptr<PackedLayer> open(const TensorStore& store, std::size_t codes,
                                    const AffineOptions* known) const override;

 private:
  AwqConfig config_;
};

/// What the three versions share: sizes, checks of the group size, and the order of a row.
class AwqLayer : public PackedLayer {
 public:
  void read(std::size_t first, std::size_t count, std::byte* rows) const final;

 protected:
  AwqLayer(const TensorStore& store, std::size_t codes, std::string_view zeros_end);

  const StoredTensor& part(std::size_t i) const { return store_.tensors()[parts_[i]]; }
  [[noreturn]] void refuse(const std::string& wanted) const;
  /// Checks `rows_`, `cols_` and the number of groups against the configured size, and sets it. `groups`: those that are stored, or 0 if
  /// padding hides how many there are.
  void set_groups(const AwqConfig& config, std::size_t groups);
  /// Fills info(); after everything else is known.
  void finish();

  const TensorStore& store_;
  AffineOptions options_;
  std::size_t rows_ = 0, cols_ = 0;
  std::size_t groups_ = 0;

 private:
  virtual std::uint16_t scale_bits(std::size_t row, std::size_t group) const = 0;
  /// The zero point, or the bits of the offset.
  virtual int zero(std::size_t row, std::size_t group) const = 0;
  virtual void read_codes(std::size_t first, std::size_t count, std::size_t stride,
                          std::byte* streams) const = 0;
};

/// A layer of version `fast`.
std::unique_ptr<PackedLayer> open_fast_layer(const TensorStore& store, std::size_t codes,
                                             const AwqConfig& config);

}  // namespace pq::hf
