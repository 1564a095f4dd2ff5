// Tiny checkpoints that run on the cpu backend, and what transformers computes for them.
#pragma once

#include "forward/forward_pass.hpp"
#include "plugin/registry.hpp"

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace pq::tiny {

/// Logits of transformers (tests/golden/tiny_logits.safetensors).
struct Expected {
  std::vector<std::int32_t> tokens;
  std::int64_t vocabulary = 0;
  std::vector<float> logits;  // [tokens, vocabulary]
  float largest = 0;          // of their magnitudes
};
Expected expected_logits(const std::string& name);

/// A model with all that it needs to run.
class Runner {
 public:
  /// `path` is where the files beside the weights lie.
  Runner(std::shared_ptr<const ModelReader> reader, const std::filesystem::path& path, int threads = 1);
  const ForwardModel& model() const { return *model_; }
  Device& device() { return *device_; }
  const WeightSource& weights() const { return *weights_; }
  Executor& pool() { return *pool_; }
  /// The model runs with these from now on; they may read those before.
  void use(std::unique_ptr<WeightSource> weights) {
    before_ = std::move(weights_);
    weights_ = std::move(weights);
  }
  /// Logits of all tokens of all texts, one after another.
  std::vector<float> logits(const std::vector<std::vector<std::int32_t>>& texts, Observer* observer = nullptr,
                            std::int64_t batch_rows = 4096, bool last_only = false);

 private:
  std::unique_ptr<ForwardModel> model_;
  std::unique_ptr<WeightSource> before_, weights_;
  std::unique_ptr<Executor> pool_;
  std::unique_ptr<Device> device_;
};

/// The numbers of a matrix.
std::vector<float> downloaded(Device& device, const DeviceMatrix& matrix);
/// The largest difference.
float difference(const std::vector<float>& a, const std::vector<float>& b);

}  // namespace pq::tiny
