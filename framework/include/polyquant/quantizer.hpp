// A quantizer: how codes are chosen for a given encoding.
#pragma once

#include <polyquant/backend.hpp>
#include <polyquant/base/executor.hpp>
#include <polyquant/encoding.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace pq {

/// What a quantizer wants to know about the activations at a tensor's input. Statistics belong to sites, not to tensors.
struct StatisticsNeeded {
  bool importance = false;     // sum of squares per column; used if there is any, never demanded
  bool mean_absolute = false;  // mean |x| per column (AWQ)
  bool gram = false;           // X^T X (GPTQ)
  friend bool operator==(const StatisticsNeeded&, const StatisticsNeeded&) = default;
  friend StatisticsNeeded operator|(const StatisticsNeeded& a, const StatisticsNeeded& b) {
    return {a.importance || b.importance, a.mean_absolute || b.mean_absolute, a.gram || b.gram};
  }
};

struct QuantizerInfo {
  std::string id;                    // "rtn"
  std::string summary;               // one line
  StatisticsNeeded needs;            // of prepare()
  StatisticsNeeded fold_needs = {};  // of fold()
};

/// Statistics of one site. Empty spans: not measured, or not what the quantizer named in its needs.
struct SiteStatistics {
  std::span<const float> importance;     // [cols]
  std::span<const float> mean_absolute;  // [cols]
  ConstMatrix gram;                      // [cols, cols]
  std::int64_t samples = 0;              // activation vectors seen
};

/// One tensor to quantize. Everything it points to outlives the TensorQuantizer made from it.
struct QuantJob {
  std::string_view tensor;  // name in the source framework, for messages
  std::int64_t rows = 0;
  std::int64_t cols = 0;
  const Encoding* encoding = nullptr;  // not bound to shared bytes
  SiteStatistics statistics;
  Effort effort = Effort::normal;
  const TensorRows* weights = nullptr;  // all of the tensor; never nullptr in a run
};

/// A number about a tensor: sum / over, both added up over all calls of quantize().
struct QuantFigure {
  std::string name;
  double sum = 0, over = 1;
};

/// What a call has to say. Warnings are trouble that is data, not an exception: what happened and what was done instead.
struct QuantReport {
  std::vector<std::string> warnings;
  std::vector<QuantFigure> figures;  // names are identifiers: they are keys of the JSON report
};

/// Memory of a quantizer beyond rows and statistics, in bytes.
struct QuantMemory {
  std::uint64_t prepared = 0;    // from prepare() until the last row of the tensor
  std::uint64_t site = 0;        // likewise, but once for all tensors with the same statistics
  std::uint64_t preparing = 0;   // in prepare() only; of a quantizer that folds, in fold()
  std::uint64_t quantizing = 0;  // in each call of quantize(), or on each thread of fold()
};

/// What a run offers to its quantizers.
struct RunContext {
  Executor& executor;
  Device* device = nullptr;  // of the pipeline's backend
};

/// Quantizes the rows of one tensor, prepared once. quantize() may be called from any thread, with any row ranges in any order, and each row's
/// bytes depend on that row and the job only.
class TensorQuantizer {
 public:
  virtual ~TensorQuantizer() = default;
  /// What the rows share, encoding->shared_bytes(cols) long: decided in prepare(), the same from then on.
  virtual Bytes shared() const { return {}; }
  /// Encodes `rows` (the first is row `first_row` of the tensor) into `out`, encoding->row_bytes(cols) each.
  virtual void quantize(ConstMatrix rows, std::int64_t first_row, MutableBytes out,
                        QuantReport& report) const = 0;
};

/// One matrix that reads a value whose channels may be scaled.
struct FoldReader {
  std::string_view tensor;              // for messages
  const TensorRows* weights = nullptr;  // as they are in the model
  const Encoding* encoding = nullptr;   // that it will get; not bound to shared bytes
  SiteStatistics statistics;            // of the value as it is in the model
};

/// A fold: channel i of a value is divided by a scale s[i] where the value is made (in the weight of a norm, in rows of a matrix), and the columns
/// that read it are multiplied with s[i]. The model computes the same.
struct FoldJob {
  std::string_view producer;  // the tensor whose weights are divided, for messages
  std::int64_t channels = 0;
  /// The channel that each column reads; empty: column i reads channel i. Query heads that share a value head read the same channels.
  std::span<const std::int32_t> channel_of_column;
  std::vector<FoldReader> readers;  // those that get codes and whose inputs are measured
  Effort effort = Effort::normal;
};

/// Scales of a fold, and what they are good for.
struct FoldScales {
  std::vector<float> scales;  // [channels], positive and finite; empty: the channels stay as they are
  double loss_before = 0;     // what the quantizer minimises, without scales
  double loss_after = 0;      // and with them
  std::string choice;         // for people: "ratio 0.45"
};

/// Immutable, callable from any thread.
class Quantizer {
 public:
  virtual ~Quantizer() = default;
  virtual const QuantizerInfo& info() const = 0;
  /// Why this quantizer cannot work with the encoding, or nothing. Asked at plan time: "gptq cannot use tq1_0: it has no column codec".
  virtual std::optional<std::string> rejects(const Encoding& encoding) const = 0;
  virtual std::unique_ptr<TensorQuantizer> prepare(const QuantJob& job, const RunContext& context) const = 0;
  /// What a tensor with statistics takes, for the plan. The default is for quantizers that need next to nothing.
  virtual QuantMemory memory(const Encoding& encoding, std::int64_t rows, std::int64_t cols) const;
  /// Whether it scales channels before codes are chosen, by itself or by the next quantizer of a list. What prepare() gets has the scales then:
  /// weights, importance, and statistics.
  virtual bool folds() const;
  /// The scales of one fold, before any of its tensors is prepared. May use all threads; the same for any number of them. A plan asks, too, with
  /// made-up weights and statistics and without a device, to see how long it takes.
  virtual FoldScales fold(const FoldJob& job, const RunContext& context) const;
};

inline QuantMemory Quantizer::memory(const Encoding&, std::int64_t, std::int64_t) const { return {}; }
inline bool Quantizer::folds() const { return false; }
inline FoldScales Quantizer::fold(const FoldJob&, const RunContext&) const { return {}; }

}  // namespace pq
