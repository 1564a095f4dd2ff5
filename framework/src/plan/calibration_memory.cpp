// How much memory measuring takes.
#include "calibration/measure.hpp"
#include "plan/calibration.hpp"

#include <algorithm>
#include <map>
#include <set>

namespace pq {
namespace {

std::uint64_t floats(std::int64_t count) { return static_cast<std::uint64_t>(count) * sizeof(float); }

/// f32 matrices of the largest layer.
std::uint64_t decoded_layer_bytes(const ForwardModel& model) {
  std::map<int, std::uint64_t> layers;
  for (const ViewTensor& tensor : model.view()->tensors)
    if (tensor.layer >= 0) layers[tensor.layer] += floats(elements(tensor.shape));
  std::uint64_t largest = 0;
  for (const auto& [layer, bytes] : layers) largest = std::max(largest, bytes);
  return largest;
}

/// Of a layer of experts as much as is kept.
std::uint64_t layer_bytes(const ForwardModel& model) {
  return std::min(decoded_layer_bytes(model), WeightCache::kDefaultLimit);
}

/// Rows of the largest batch.
std::int64_t batch_rows(const PlannedCalibration& calibration) {
  const std::int64_t length = std::max<std::int64_t>(1, calibration.length);
  return std::min(calibration.samples.tokens(), std::max(length, kMeasureRows / length * length));
}

/// Of all sites; without Gram matrices.
std::uint64_t sums_bytes(const PlannedCalibration& calibration) {
  std::uint64_t bytes = 0;
  for (const auto& [site, needs] : calibration.needs)
    bytes += static_cast<std::uint64_t>(site->cols) * sizeof(double) * (needs.mean_absolute ? 2 : 1);
  return bytes;
}

/// Gram matrices are there for one layer at a time.
struct GramBytes {
  std::uint64_t layer = 0, matrix = 0;  // of the largest
};
GramBytes gram_bytes(const PlannedCalibration& calibration) {
  std::map<int, std::uint64_t> layers;
  GramBytes result;
  for (const auto& [site, needs] : calibration.needs) {
    if (!needs.gram) continue;
    const std::uint64_t bytes = floats(site->cols * site->cols);
    result.matrix = std::max(result.matrix, bytes);
    result.layer = std::max(result.layer, layers[site->layer] += bytes);
  }
  return result;
}

std::uint64_t stored_bytes(const ModelView& view, const ViewTensor& tensor) {
  std::uint64_t bytes = 0;
  for (const RowMap::Part& part : tensor.map.parts)
    bytes += view.reader->header().tensors[part.stored].row_bytes * static_cast<std::uint64_t>(part.rows);
  return bytes;
}

/// Pages of the mapped source while the samples become rows of the embedding: those that one batch asks for, with what the kernel maps around each
/// (fault_around_bytes). They are given back, as those of the layers are (base/mapped_file.cpp).
std::uint64_t embedding_bytes(const PlannedCalibration& calibration, std::int64_t rows) {
  constexpr std::uint64_t kAround = 64 << 10;
  const ModelView& view = *calibration.model->view();
  std::uint64_t embedding = 0;
  for (const ViewTensor& tensor : view.tensors)
    if (tensor.role == "embedding") embedding += stored_bytes(view, tensor);
  std::set<std::int32_t> tokens;
  for (const Sample& sample : calibration.samples.samples)
    tokens.insert(sample.tokens.begin(), sample.tokens.end());
  return std::min(embedding,
                  std::min<std::uint64_t>(tokens.size(), static_cast<std::uint64_t>(rows)) * kAround);
}

/// Freed activations that the heap keeps, because blocks of another size do not fit where they were. Measured with glibc 2.36: between nothing and
/// a half of the activations, by chance of the threads.
std::uint64_t heap_slack(std::uint64_t activations) { return activations / 4; }

}  // namespace

CalibrationMemory calibration_memory(const PlannedCalibration& calibration) {
  const ForwardModel& model = *calibration.model;
  const std::int64_t rows = batch_rows(calibration);
  // Besides the named values: the residual stream as it comes from the store, and as it goes back.
  const std::uint64_t activations = floats(rows * (model.value_cols() + model.hidden_cols()));
  const std::uint64_t streams =
      calibration.hidden_in_file ? 0 : static_cast<std::uint64_t>(calibration.hidden_bytes);
  // As it decodes: all of a layer, however large.
  const std::uint64_t followed = calibration.quantized_inputs ? decoded_layer_bytes(model) : 0;
  // First all tokens become rows of the embedding, then they go through the layers.
  const std::uint64_t layers = activations + heap_slack(activations) + layer_bytes(model);
  const std::uint64_t embedding = embedding_bytes(calibration, rows) + floats(2 * rows * model.hidden_cols());
  const std::uint64_t always = followed + streams + sums_bytes(calibration) + std::max(layers, embedding);
  std::uint64_t kept = 0;
  for (const auto& [site, needs] : calibration.needs)
    kept += floats(site->cols) * (needs.mean_absolute ? 2 : 1);
  const GramBytes grams = gram_bytes(calibration);
  CalibrationMemory memory;
  memory.measuring = always + grams.layer + grams.matrix;  // one by one they are copied from the device
  memory.kept = kept;
  if (grams.layer > 0 || calibration.quantized_inputs) memory.while_producing = always + kept + grams.layer;
  return memory;
}

}  // namespace pq
