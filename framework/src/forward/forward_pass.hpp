// Runs a model layer by layer: the weights of one layer in memory, the residual streams of all texts outside.
#pragma once

#include "forward/forward_model.hpp"
#include "forward/hidden_store.hpp"
#include "forward/observer.hpp"

#include <polyquant/backend.hpp>

#include <functional>
#include <memory>
#include <span>
#include <vector>

namespace pq {

/// One caller at a time. The same texts in the same batches give the same bytes for any number of threads.
class ForwardPass {
 public:
  /// All must outlive the pass.
  ForwardPass(const ForwardModel& model, const WeightSource& weights, Device& device, Executor& executor);

  const ForwardModel& model() const noexcept { return model_; }

  // Step by step. `hidden` is the residual stream [batch rows, hidden_cols] on the device; each call replaces it.
  std::unique_ptr<DeviceMatrix> embed(const Batch& batch);
  /// The weights of the layer are kept until another layer or the head runs.
  void layer(int number, const Batch& batch, std::unique_ptr<DeviceMatrix>& hidden,
             Observer* observer = nullptr);
  /// The weights behind the WeightSource have changed: what is cached of them is dropped.
  void reload() { stage_ = kNoStage; }
  /// Logits [rows, vocabulary] of these rows of a residual stream behind the last layer.
  std::unique_ptr<DeviceMatrix> head(const DeviceMatrix& hidden, std::span<const std::int32_t> rows,
                                     Observer* observer = nullptr);
  /// Shows the sites of the head to the observer; the products behind them are not computed.
  void measure_head(const DeviceMatrix& hidden, std::span<const std::int32_t> rows, Observer& observer);

  /// Gets logits of rows [first, first + logits.rows()) of a batch, in order.
  using LogitsSink = std::function<void(std::size_t batch, std::int64_t first, const DeviceMatrix& logits)>;
  /// What is asked of a whole run.
  struct Wanted {
    Observer* observer = nullptr;
    LogitsSink logits;                      // empty: the head is not run,
    bool head_sites = false;                // or only as far as its sites
    bool last_only = false;                 // logits of each text's last token only; `first` counts texts
    std::int64_t head_rows = 256;           // logits at a time
    int layers = -1;                        // that run; -1: all. Behind fewer there is no head
    std::function<void(int layer)> before;  // progress: -1 embedding, behind the last the head
    /// If set every layer runs twice: the observer sees the first time, this is called, and what comes out the second time, with the weights
    /// read anew, goes on.
    std::function<void(int layer)> between;
  };
  /// All layers, each over all batches; `store` has a row for each token of all batches.
  void run(const std::vector<Batch>& batches, HiddenStore& store, const Wanted& wanted);

 private:
  void enter(int stage);
  RopeTables& ropes_for(const Batch& batch);
  static void operate(std::span<const std::unique_ptr<Operation>> operations, ForwardState& state);
  void operate_on_rows(std::span<const std::unique_ptr<Operation>> operations, const DeviceMatrix& hidden,
                       std::span<const std::int32_t> rows, Observer* observer);
  std::unique_ptr<DeviceMatrix> from_store(HiddenStore& store, std::int64_t first, const Batch& batch);
  void to_store(HiddenStore& store, std::int64_t first, const DeviceMatrix& hidden);
  void rehearse(int stage, const std::vector<Batch>& batches, HiddenStore& store, const Wanted& wanted);
  void run_head(const std::vector<Batch>& batches, HiddenStore& store, const Wanted& wanted);

  const ForwardModel& model_;
  Device& device_;
  WeightCache weights_;
  Values values_;
  RopeTables ropes_;
  std::vector<std::int64_t> ropes_of_;  // texts of the batch that they were made for
  static constexpr int kNoStage = -2;
  int stage_ = kNoStage;  // whose weights are cached
};

/// Texts packed into batches of at most `rows` tokens, in order; a longer text is a batch of its own.
std::vector<Batch> make_batches(std::span<const std::vector<std::int32_t>> texts, std::int64_t rows);

}  // namespace pq
