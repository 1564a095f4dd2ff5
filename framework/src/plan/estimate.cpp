#include "plan/estimate.hpp"

#include "base/thread_pool.hpp"
#include "plan/calibration.hpp"
#include "plan/folding.hpp"
#include "plan/pass_memory.hpp"
#include "plan/quantizer_costs.hpp"

#include <algorithm>
#include <chrono>
#include <map>
#include <random>
#include <utility>

namespace pq {
namespace {

constexpr std::int64_t kChunkWeights =
    1 << 18;  // 1 MiB of f32: fits the second-level cache, and long enough to hide scheduling
// Error feedback works on so many rows at a time, however few it gets.
constexpr std::int64_t kFeedbackRows = 64;
constexpr std::uint64_t kProgramBytes = 22ull << 20;  // program, libraries and plugins
// Of all threads together, from and to the page cache: reading the model, writing the outputs, and reading them again, with their hashes.
constexpr double kReadBytesPerSecond = 3e9;
constexpr double kWriteBytesPerSecond = 1.5e9;
constexpr double kVerifyBytesPerSecond = 3e9;
constexpr double kStartSeconds = 0.1;  // the plan itself, opening, closing and naming the files

double elapsed_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// Seconds per weight of encoding and decoding back, on one thread. Encoders may search longer if importance is given.
double seconds_per_weight(const Encoding& encoding, Effort effort, bool has_importance) {
  const auto sample_cols =
      static_cast<std::int64_t>(round_up(4096, static_cast<std::uint64_t>(encoding.info().block_cols)));
  constexpr std::int64_t kRows = 8;
  std::vector<float> weights(static_cast<std::size_t>(kRows * sample_cols));
  std::mt19937 random(1);
  for (float& w : weights) w = static_cast<float>(random() % 2001) * 1e-3f - 1.0f;
  std::vector<std::byte> bytes(encoding.row_bytes(sample_cols) * kRows);
  std::vector<float> importance(has_importance ? static_cast<std::size_t>(sample_cols) : 0);
  for (float& value : importance) value = static_cast<float>(1 + random() % 1000) * 1e-3f;
  const auto encoder = encoding.encoder({sample_cols, importance, effort});
  const ConstMatrix in{weights.data(), kRows, sample_cols, sample_cols};
  double best = 1e9;
  for (int repeat = 0; repeat < 2; ++repeat) {
    const auto start = std::chrono::steady_clock::now();
    encoder->encode(in, bytes);
    encoding.decode(bytes, {weights.data(), kRows, sample_cols, sample_cols});
    best = std::min(best, elapsed_since(start));
  }
  return best / static_cast<double>(kRows * sample_cols);
}

/// Seconds per weight of decoding what is stored. Not measured: formats decode faster than any search encodes.
double decoding_seconds(const RowDecoder& stored) {
  constexpr double kDecodedPerSecond = 1e9;
  return stored.common() == nullptr ? 0 : 1 / kDecodedPerSecond;
}

/// Of the model and of the output; and what is written: a length of 8 bytes and the text.
std::uint64_t metadata_bytes(const OutputModel& model) {
  constexpr std::uint64_t kString = 64, kLength = 8;
  std::uint64_t bytes = 0;
  for (const auto& [key, value] : model.metadata.entries())
    if (const auto* strings = std::get_if<std::vector<std::string>>(&value))
      for (const std::string& text : *strings) bytes += 2 * kString + kLength + text.size();
  for (const SideFile& file : model.side_files) bytes += 2 * file.content.size();
  return bytes;
}

}  // namespace

void estimate(Plan& plan, int threads) {
  std::int64_t longest_row = 1;
  for (const PlannedOutput& output : plan.outputs)
    for (std::size_t i = 0; i < output.tensors.size(); ++i) {
      const std::int64_t together = has_feedback(output, output.tensors[i]) ? kFeedbackRows : 1;
      longest_row = std::max(longest_row, together * cols(output.model.tensors[i].shape));
    }
  plan.chunk_weights = std::max(kChunkWeights, longest_row);
  std::uint64_t kept = 0;
  for (const PlannedOutput& output : plan.outputs) kept += metadata_bytes(output.model);
  const PassMemory pass = pass_memory(plan, threads);
  std::uint64_t working = pass.threads;
  if (plan.calibration == nullptr)
    working += quantizer_bytes(plan, threads).producing;
  else {
    const CalibrationMemory memory = calibration_memory(*plan.calibration);
    const QuantizerBytes quantizers = quantizer_bytes(plan, threads);
    std::uint64_t folding = 0;
    for (const PlannedOutput& output : plan.outputs) folding += folding_bytes(output, threads);
    const std::uint64_t producing =
        working + quantizers.producing + folding + std::max(memory.kept, memory.while_producing);
    working = std::max(producing, memory.measuring + quantizers.between);
  }
  plan.peak_memory_bytes = kProgramBytes + kept + pass.mapped + working;
}

void estimate_time(Plan& plan, Executor& executor) {
  std::map<std::pair<std::string, bool>, double> speeds;
  double seconds = 0;  // of one thread
  double file_seconds = kStartSeconds;
  for (const TensorInfo& tensor : plan.reader->header().tensors)
    file_seconds += static_cast<double>(tensor.bytes()) / kReadBytesPerSecond;
  for (const PlannedOutput& output : plan.outputs)
    for (std::size_t i = 0; i < output.tensors.size(); ++i) {
      const PlannedTensor& tensor = output.tensors[i];
      const OutputTensor& out = output.model.tensors[i];
      file_seconds += static_cast<double>(out.row_bytes) * static_cast<double>(rows(out.shape)) *
                      (1 / kWriteBytesPerSecond + 1 / kVerifyBytesPerSecond);
      if (tensor.route == Route::copy) continue;
      seconds += decoding_seconds(tensor.stored) * static_cast<double>(elements(out.shape));
      if (has_feedback(output, tensor)) continue;
      const bool has_importance = tensor.has_importance();
      const auto [at, fresh] = speeds.try_emplace({out.encoding, has_importance}, 0.0);
      if (fresh) at->second = seconds_per_weight(*tensor.encoding, plan.effort, has_importance);
      seconds += at->second * static_cast<double>(elements(out.shape));
    }
  plan.seconds = file_seconds + seconds / working_threads(executor);
  for (const PlannedOutput& output : plan.outputs)
    plan.seconds +=
        feedback_seconds(output, plan.effort, executor) + folding_seconds(output, plan.effort, executor);
  if (plan.calibration != nullptr)
    plan.seconds += measuring_seconds(*plan.calibration, *plan.backend->open(plan.device, executor));
}

}  // namespace pq
