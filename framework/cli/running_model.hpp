// A model that is ready to run, for the verbs that run one.
#pragma once

#include "forward/forward_pass.hpp"
#include "model/open_model.hpp"
#include "session.hpp"
#include "tokenizer/tokenizer.hpp"

#include <CLI/CLI.hpp>

#include <memory>
#include <string>

namespace pq::cli {

/// Opened from headers; weights are read while it runs.
class RunningModel {
 public:
  RunningModel(Session& session, const std::string& path, const std::string& backend,
               ActivationMode activations = ActivationMode::exact);

  const std::string& path() const noexcept { return path_; }
  const OpenedModel& opened() const noexcept { return opened_; }
  const ForwardModel& model() const noexcept { return model_; }
  Device& device() noexcept { return *device_; }
  ForwardPass& pass() noexcept { return pass_; }
  /// Opened at the first call.
  std::shared_ptr<const Tokenizer> tokenizer();

 private:
  std::string path_;
  OpenedModel opened_;
  ForwardModel model_;
  std::unique_ptr<Device> device_;
  std::unique_ptr<WeightSource> weights_;
  ForwardPass pass_;
  std::shared_ptr<const Tokenizer> tokenizer_;
};

/// --activations f32|engine.
void add_activations_option(CLI::App& verb, ActivationMode& mode);

}  // namespace pq::cli
