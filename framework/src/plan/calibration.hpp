// What a run measures before it quantizes: which statistics of which inputs, on which samples.
#pragma once

#include "calibration/gguf_matrices.hpp"
#include "calibration/samples.hpp"
#include "config/pipeline.hpp"
#include "forward/forward_model.hpp"
#include "forward/weights.hpp"
#include "model/open_model.hpp"
#include "plugin/registry.hpp"

#include <polyquant/backend.hpp>
#include <polyquant/quantizer.hpp>

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace pq {

struct PlannedOutput;
struct PlannedTensor;

/// Immutable after planning. Sites are those of `model`.
struct PlannedCalibration {
  std::shared_ptr<const ForwardModel> model;
  std::shared_ptr<const WeightSource> weights;
  SampleSet samples;
  std::int64_t length = 0;                        // tokens of a sample
  std::map<const Site*, StatisticsNeeded> needs;  // of the sites that some tensor uses
  std::int64_t hidden_bytes = 0;                  // residual streams of all samples
  bool hidden_in_file = false;                    // else in memory
  std::filesystem::path scratch;                  // folder of that file
  bool quantized_inputs = false;  // of a model whose earlier layers are quantized; every layer runs twice

  StatisticsNeeded needs_of(const Site& site) const;
  /// Layers that the samples go through: up to the last that is measured, or all where every layer gets its inputs from those quantized before it.
  int layers() const;
  /// Of what is measured, for the journal of a run.
  std::string identity() const { return samples.hash + (quantized_inputs ? " quantized" : ""); }
};

/// Throws ConfigError if the samples would have to go through more than one quantized model.
void check_inputs(const CalibrationSpec& spec, std::size_t outputs);

/// Finds for the tensors of the outputs the inputs that have to be measured.
class CalibrationPlanner {
 public:
  /// Reads headers and the texts: the samples are cut here, so that what is wrong with them is said before any work. Throws as open_tokenizer(),
  /// ForwardModel, GgufMatrices and cut_samples() do.
  CalibrationPlanner(const CalibrationSpec& spec, const OpenedModel& model, const std::filesystem::path& path,
                     const PluginRegistry& registry);

  /// Gives the tensors that are quantized their sites. `has_imatrix`: importance comes from a file. Adds to `warnings` one sentence about tensors
  /// that could use statistics and have no site.
  void add(PlannedOutput& output, bool has_imatrix, std::vector<std::string>& warnings);
  std::shared_ptr<const ForwardModel> model() const noexcept { return calibration_->model; }
  const SampleSet& samples() const noexcept { return calibration_->samples; }

  /// nullptr, and a warning, if nothing is measured. `scratch`: where a file of activations may lie.
  std::shared_ptr<const PlannedCalibration> finish(const std::filesystem::path& scratch,
                                                   std::vector<std::string>& warnings);

 private:
  void follow(const PlannedOutput& output, PlannedTensor& tensor) const;
  bool add_sites(const PlannedOutput& output, PlannedTensor& tensor, const StatisticsNeeded& needs);

  CalibrationSpec spec_;
  std::shared_ptr<PlannedCalibration> calibration_ = std::make_shared<PlannedCalibration>();
  std::map<std::pair<std::string, std::int64_t>, const Site*> sites_;  // by GGUF name and matrix
  std::set<std::size_t>
      turned_;  // stored tensors whose rows are not those that the forward pass multiplies by
};

/// About how long the samples run. Measures the speed of products on the device, some milliseconds.
double measuring_seconds(const PlannedCalibration& calibration, Device& device);

struct CalibrationMemory {
  /// While the samples run: activations of a batch, weights of a layer, sums, and the residual streams unless they lie in a file.
  std::uint64_t measuring = 0;
  /// The same while the tensors of a layer are produced from its Gram matrices, without what producing takes; 0: nobody wants such matrices.
  std::uint64_t while_producing = 0;
  /// What is kept of the statistics while the other tensors are produced.
  std::uint64_t kept = 0;
};
CalibrationMemory calibration_memory(const PlannedCalibration& calibration);

}  // namespace pq
