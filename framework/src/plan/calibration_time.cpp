// How long measuring takes.
#include "plan/calibration.hpp"

#include <algorithm>
#include <chrono>
#include <vector>

namespace pq {
namespace {

// Attention, norms, activations and the decoding of weights take the rest: measured with samples of 512 tokens of SmolLM2-135M-wide, 2026-11-26.
constexpr double kShareOfProducts = 0.7;

/// Operations per second of a product like those of a model.
double product_speed(Device& device) {
  constexpr std::int64_t kRows = 512, kCols = 1024;
  constexpr int kRounds = 5;  // the first one makes threads and tables
  const auto x = device.allocate(kRows, kCols), w = device.allocate(kCols, kCols),
             y = device.allocate(kRows, kCols);
  const std::vector<float> ones(static_cast<std::size_t>(kCols * kCols), 1.0f);
  device.upload({ones.data(), kRows, kCols, kCols}, *x);
  device.upload({ones.data(), kCols, kCols, kCols}, *w);
  double best = 0;
  for (int round = 0; round < kRounds; ++round) {
    const auto start = std::chrono::steady_clock::now();
    device.math().gemm(*x, false, *w, true, *y, 1, 0);
    device.synchronize();
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    best = std::max(best, 2.0 * kRows * kCols * kCols / std::max(seconds, 1e-9));
  }
  return best;
}

/// Weights that a token is multiplied with, and the statistics of their inputs.
double operations_per_token(const PlannedCalibration& calibration) {
  constexpr double kChosenExperts = 0.125;  // of all: between 2 of 8 (Mixtral) and 8 of 128 (Qwen3)
  double operations = 0;
  const int layers = calibration.layers();
  for (const auto& site : calibration.model->sites()) {
    if (site->layer < 0 || site->layer >= layers) continue;  // these and the head do not run
    const auto cols = static_cast<double>(site->cols);
    double here = 0;
    for (const WeightSlice& reader : site->readers) here += 2 * static_cast<double>(reader.out) * cols;
    if (calibration.needs_of(*site).gram) here += 2 * cols * cols;
    operations += site->expert < 0 ? here : here * kChosenExperts;
  }
  return operations;
}

}  // namespace

double measuring_seconds(const PlannedCalibration& calibration, Device& device) {
  const double tokens = static_cast<double>(calibration.samples.tokens());
  const double passes = calibration.quantized_inputs ? 2 : 1;
  return passes * tokens * operations_per_token(calibration) / (kShareOfProducts * product_speed(device));
}

}  // namespace pq
