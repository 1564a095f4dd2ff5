// An encoding: which numbers can be stored, and how a row of them is packed in memory.
#pragma once

#include <polyquant/base/bytes.hpp>
#include <polyquant/base/matrix.hpp>
#include <polyquant/column_codec.hpp>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace pq {

/// How much search an encoder may spend. What each level does is documented per encoding.
enum class Effort { fast, normal, best };

/// The kind of numbers that an encoding can store.
enum class GridFamily {
  floating,  // a floating-point format: f32, bf16, fp8
  affine,    // offset + scale * code
  table,     // scale * table[code]: nf4, iq4_nl, mxfp4
  lattice,   // several weights share one code: iq2, iq3
};

struct Grid {
  GridFamily family = GridFamily::floating;
  int code_bits = 0;
  int group_cols = 0;      // weights that share a scale; 0 = none, -1 = the whole row
  bool symmetric = false;  // no offset is stored

  /// False for 16 and 32 bits, where there is nothing to choose but the nearest.
  bool has_codes() const noexcept { return family != GridFamily::floating || code_bits < 16; }
};

/// How the programs that run an encoding natively round activations before they multiply them with it.
enum class ActivationRounding {
  none,  // f32
  f16,
  bf16,
  q8_0,  // blocks of 32 columns: 8-bit codes, f16 scale
  q8_k,  // blocks of 256 columns: 8-bit codes, f32 scale
};

/// What the planner, help and listings know about an encoding.
struct EncodingInfo {
  std::string id;       // "q4_0", "affine"
  std::string spec;     // id with its options, parses back to the same encoding: "affine:bits=4,group=128"
  std::string summary;  // one line
  Grid grid;
  int block_cols = 1;            // row lengths must be a multiple of this
  double bits_per_weight = 0;    // for long rows
  bool uses_importance = false;  // the encoder minimises the importance-weighted error
  ActivationRounding activations = ActivationRounding::none;
};

/// What an encoder may prepare once for all rows of a tensor.
struct EncodeRequest {
  std::int64_t cols = 0;
  std::span<const float>
      importance;  // one weight >= 0 per column; empty = all equal. Must outlive the encoder.
  Effort effort = Effort::normal;
};

/// Encodes rows of one tensor; made once per tensor. Callable from any thread.
class RowEncoder {
 public:
  virtual ~RowEncoder() = default;
  /// Encodes all rows into `out`, row_bytes() each, without gaps. Total: NaN, infinities and zero rows give defined bytes.
  virtual void encode(ConstMatrix rows, MutableBytes out) const = 0;
};

/// A row of an affine encoding, exactly: w[i] = scales[g] * codes[i] + offsets[g] with g = i / group_cols, in f32 arithmetic.
struct AffineRow {
  int group_cols = 0;
  std::vector<float> scales;   // one per group
  std::vector<float> offsets;  // one per group
  std::vector<std::int32_t> codes;
};

/// The weights of one tensor, readable in any order and from any thread: for what must be known before its first row is encoded.
class TensorRows {
 public:
  virtual ~TensorRows() = default;
  virtual std::int64_t rows() const = 0;
  virtual std::int64_t cols() const = 0;
  /// Decodes rows [first, first + out.rows) into `out`. Throws what reading a model throws; the weights are finite.
  virtual void read(std::int64_t first, Matrix out) const = 0;
};

/// Rows that are in memory, and outlive it.
class RowsInMemory final : public TensorRows {
 public:
  explicit RowsInMemory(ConstMatrix all) : all_(all) {}
  std::int64_t rows() const override { return all_.rows; }
  std::int64_t cols() const override { return all_.cols; }
  void read(std::int64_t first, Matrix out) const override {
    for (std::int64_t r = 0; r < out.rows; ++r) {
      const auto row = all_.row(first + r);
      std::copy(row.begin(), row.end(), out.row(r).begin());
    }
  }

 private:
  ConstMatrix all_;
};

/// Immutable; every function may be called from any thread. The CPU reference behaviour is the definition of the encoding.
class Encoding {
 public:
  virtual ~Encoding() = default;
  virtual const EncodingInfo& info() const = 0;

  /// Bytes of an encoded row of `cols` weights (a multiple of info().block_cols). A pure function: files are laid out with it.
  virtual std::size_t row_bytes(std::int64_t cols) const = 0;

  virtual std::unique_ptr<RowEncoder> encoder(const EncodeRequest& request) const = 0;

  /// Decodes out.rows rows of out.cols weights, packed without gaps.
  virtual void decode(Bytes rows, Matrix out) const = 0;

  /// The row as scale * code + offset if that view is exact; false otherwise.
  virtual bool unpack_affine(Bytes row, std::int64_t cols, AffineRow& out) const;
  /// Packs a row that has exactly these values; false if this encoding cannot hold them all exactly.
  virtual bool pack_affine(const AffineRow& row, MutableBytes out) const;

  /// A codec for `rows` rows of `cols` weights, or nullptr: then no error feedback is possible. `effort`: of the search for scales.
  virtual std::unique_ptr<ColumnCodec> column_codec(std::int64_t rows, std::int64_t cols,
                                                    Effort effort) const;

  /// Bytes that all rows of a tensor of `cols` columns have in common (the group of each column, the scale of the scales, ...) beyond the
  /// options; 0: none, every row stands alone. A pure function.
  virtual std::size_t shared_bytes(std::int64_t cols) const;
  /// The encoding of the rows of one tensor, which share these bytes (shared_bytes(cols) of them). Throws FormatError for bytes that are
  /// invalid. One that is not bound works as if the shared bytes were those of survey() over no rows.
  virtual std::shared_ptr<const Encoding> bind(Bytes shared, std::int64_t cols) const;
  /// The shared bytes that suit a tensor best; may read all of it.
  /// `importance`: one weight per column as in EncodeRequest, or empty.
  virtual std::vector<std::byte> survey(const TensorRows& tensor,
                                        std::span<const float> importance = {}) const;

  /// Why these encoded rows are invalid (a non-finite scale, a reserved code), or nothing. Used by `inspect --check`.
  virtual std::optional<std::string> check_rows(Bytes rows, std::int64_t cols) const;
};

inline bool Encoding::unpack_affine(Bytes, std::int64_t, AffineRow&) const { return false; }
inline bool Encoding::pack_affine(const AffineRow&, MutableBytes) const { return false; }
inline std::unique_ptr<ColumnCodec> Encoding::column_codec(std::int64_t, std::int64_t, Effort) const {
  return nullptr;
}
inline std::size_t Encoding::shared_bytes(std::int64_t) const { return 0; }
inline std::shared_ptr<const Encoding> Encoding::bind(Bytes, std::int64_t) const { return nullptr; }
inline std::vector<std::byte> Encoding::survey(const TensorRows&, std::span<const float>) const { return {}; }
inline std::optional<std::string> Encoding::check_rows(Bytes, std::int64_t) const { return std::nullopt; }

}  // namespace pq
