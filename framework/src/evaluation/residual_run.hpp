// Some texts behind the last layer of a model, of which the logits of any rows can be had.
#pragma once

#include "forward/forward_pass.hpp"

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace pq {

/// A model in a judgement.
struct Judged {
  ForwardPass& pass;
  Device& device;
};

/// Tokens that run together: large enough for matrix products, small enough for the caches of activations.
inline constexpr std::int64_t kBatchRows = 2048;
/// Rows of logits at a time: 64 MiB for a vocabulary of 262144.
inline constexpr std::int64_t kHeadRows = 64;

/// Runs all layers when it is made. One caller at a time.
class ResidualRun {
 public:
  ResidualRun(Judged model, std::span<const std::vector<std::int32_t>> texts);

  /// Logits of these rows, counted through all texts, on the host; at most kHeadRows. They live until the next call.
  ConstMatrix logits(std::span<const std::int64_t> rows);

 private:
  std::int64_t width() const { return model_.pass.model().hidden_cols(); }

  Judged model_;
  std::unique_ptr<HiddenStore> store_;
  std::vector<float> hidden_, logits_;
};

}  // namespace pq
