#include "search.hpp"

#include "square.hpp"

#include <polyquant/base/error.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <memory>
#include <set>
#include <string>

namespace pq::awq {
namespace {

constexpr float kSmallest = 1e-4f;        // of a scale before they are normalised (Lin et al., 2023)
constexpr float kGroupOffset = 1e-6f;     // groups of zeros
constexpr std::int64_t kRowsAtOnce = 64;  // of a trial, in memory

/// Rows of a reader, spread evenly over the matrix.
struct SampledRows {
  std::vector<float> values;
  ConstMatrix rows;
};

std::int64_t sampled(std::int64_t all, int wanted) {
  return wanted == 0 ? all : std::min<std::int64_t>(wanted, all);
}

SampledRows sample(const TensorRows& weights, int wanted) {
  const std::int64_t all = weights.rows(), cols = weights.cols();
  const std::int64_t count = sampled(all, wanted);
  SampledRows result;
  result.values.resize(static_cast<std::size_t>(count * cols));
  const Matrix rows{result.values.data(), count, cols, cols};
  if (count == all) {
    weights.read(0, rows);
  } else {
    for (std::int64_t i = 0; i < count; ++i) weights.read(i * all / count, rows.slice(i, 1));
  }
  result.rows = rows;
  return result;
}

bool is_measured(const FoldReader& reader) {
  return !reader.statistics.mean_absolute.empty() && reader.statistics.samples > 0 &&
         reader.weights->rows() > 0;
}

std::size_t channel_of(const FoldJob& job, std::size_t column) {
  return job.channel_of_column.empty() ? column : static_cast<std::size_t>(job.channel_of_column[column]);
}

/// Mean magnitude of the activations of each channel; every site counts as often as it was reached.
std::vector<double> activations(const FoldJob& job) {
  std::vector<double> sums(static_cast<std::size_t>(job.channels));
  std::set<const float*> known;  // readers share sites
  double samples = 0;
  for (const FoldReader& reader : job.readers) {
    const auto mean = reader.statistics.mean_absolute;
    if (!is_measured(reader) || !known.insert(mean.data()).second) continue;
    const double weight = static_cast<double>(reader.statistics.samples);
    for (std::size_t c = 0; c < mean.size(); ++c) sums[channel_of(job, c)] += weight * double{mean[c]};
    samples += weight * static_cast<double>(mean.size()) / static_cast<double>(job.channels);
  }
  for (double& sum : sums) sum /= samples;
  return sums;
}

/// Adds |w| / (the largest |w| of the weights that share its scale) to each channel.
void add_magnitudes(const FoldJob& job, ConstMatrix rows, const EncodingInfo& encoding,
                    std::vector<double>& sums) {
  const auto cols = static_cast<std::size_t>(rows.cols);
  const int group = encoding.grid.group_cols;
  const std::size_t step = group > 0   ? static_cast<std::size_t>(group)
                           : group < 0 ? cols
                                       : static_cast<std::size_t>(encoding.block_cols);
  for (std::int64_t r = 0; r < rows.rows; ++r) {
    const auto row = rows.row(r);
    for (std::size_t begin = 0; begin < cols; begin += step) {
      const std::size_t end = std::min(begin + step, cols);
      float largest = 0;
      for (std::size_t c = begin; c < end; ++c) largest = std::max(largest, std::abs(row[c]));
      for (std::size_t c = begin; c < end; ++c)
        sums[channel_of(job, c)] += double{std::abs(row[c])} / double{largest + kGroupOffset};
    }
  }
}

struct Trial {
  std::string choice;
  std::vector<float> channels, columns;
  double loss = 0;
};

/// Normalised so that the largest times the smallest is 1; those that are no numbers are 1.
std::vector<float> normalised(std::vector<double> scales) {
  for (double& s : scales) s = std::isfinite(s) ? std::max(s, double{kSmallest}) : 1.0;
  const auto [low, high] = std::minmax_element(scales.begin(), scales.end());
  const double middle = std::sqrt(*low * *high);
  std::vector<float> result;
  for (const double s : scales) result.push_back(static_cast<float>(s / middle));
  return result;
}

bool has_trials(const Options& options, bool duo) { return options.duo != (duo ? "off" : "on"); }

std::vector<Trial> trials(const FoldJob& job, const Options& options, const std::vector<double>& a,
                          const std::vector<double>& u) {
  std::vector<Trial> result(1);
  result.front().choice = "none";
  result.front().channels.assign(static_cast<std::size_t>(job.channels), 1.0f);
  for (const bool duo : {false, true}) {
    if (!has_trials(options, duo)) continue;
    for (int i = duo ? 0 : 1; i < options.grid; ++i) {
      const double ratio = static_cast<double>(i) / options.grid;
      std::vector<double> scales(a.size());
      for (std::size_t c = 0; c < a.size(); ++c)
        scales[c] = std::pow(a[c], ratio) / (duo ? std::pow(u[c], 1 - ratio) + double{kSmallest} : 1.0);
      char text[32];
      std::snprintf(text, sizeof text, "%d/%d%s", i, options.grid, duo ? " duo" : "");
      result.push_back({std::string("ratio ") + text, normalised(std::move(scales)), {}, 0});
    }
  }
  for (Trial& trial : result) {
    trial.columns = trial.channels;
    if (job.channel_of_column.empty()) continue;
    trial.columns.clear();
    for (const std::int32_t channel : job.channel_of_column)
      trial.columns.push_back(trial.channels[static_cast<std::size_t>(channel)]);
  }
  return result;
}

std::vector<float> scaled_rows(ConstMatrix rows, const std::vector<float>& scales) {
  std::vector<float> result;
  result.reserve(static_cast<std::size_t>(rows.rows * rows.cols));
  for (std::int64_t r = 0; r < rows.rows; ++r)
    for (std::size_t c = 0; c < scales.size(); ++c) result.push_back(rows.row(r)[c] * scales[c]);
  return result;
}

double diagonal_error(ConstMatrix rows, std::span<const float> importance) {
  double sum = 0;
  for (std::int64_t r = 0; r < rows.rows; ++r)
    for (std::size_t c = 0; c < static_cast<std::size_t>(rows.cols); ++c) {
      const double d = rows.row(r)[c];
      sum += d * d * (importance.empty() ? 1.0 : double{importance[c]});
    }
  return sum;
}

/// What the trial costs in one reader. X^T X counts if it was asked for, not if another output happens to measure it.
double loss_of(const FoldJob& job, const FoldReader& reader, ConstMatrix rows, const Trial& trial,
               bool with_gram) {
  const SiteStatistics& statistics = reader.statistics;
  std::vector<float> importance(statistics.importance.begin(), statistics.importance.end());
  for (std::size_t c = 0; c < importance.size(); ++c) importance[c] /= trial.columns[c] * trial.columns[c];
  std::vector<float> scaled = scaled_rows(rows, trial.columns);
  const Matrix all{scaled.data(), rows.rows, rows.cols, rows.cols};
  const Encoding* encoding = reader.encoding;
  std::vector<std::byte> shared;
  std::shared_ptr<const Encoding> bound;
  if (encoding->shared_bytes(rows.cols) > 0) {
    shared = encoding->survey(RowsInMemory(all), importance);
    bound = encoding->bind(shared, rows.cols);
    encoding = bound.get();
  }
  const auto encoder = encoding->encoder({rows.cols, importance, job.effort});
  std::vector<std::byte> encoded(encoding->row_bytes(rows.cols) * static_cast<std::size_t>(rows.rows));
  encoder->encode(all, encoded);
  encoding->decode(encoded, all);
  for (std::int64_t r = 0; r < rows.rows; ++r)
    for (std::size_t c = 0; c < trial.columns.size(); ++c)
      all.row(r)[c] = all.row(r)[c] / trial.columns[c] - rows.row(r)[c];
  if (with_gram) return output_error(all, statistics.gram);
  return diagonal_error(all, statistics.importance) * static_cast<double>(statistics.samples);
}

void add_losses(const FoldJob& job, const FoldReader& reader, ConstMatrix rows, double share, bool with_gram,
                std::vector<Trial>& list, Executor& executor) {
  executor.for_ranges(static_cast<std::int64_t>(list.size()), 1, [&](std::int64_t begin, std::int64_t end) {
    for (auto t = static_cast<std::size_t>(begin); t < static_cast<std::size_t>(end); ++t)
      for (std::int64_t first = 0; first < rows.rows; first += kRowsAtOnce)
        list[t].loss +=
            share * loss_of(job, reader, rows.slice(first, std::min(kRowsAtOnce, rows.rows - first)), list[t],
                            with_gram);
  });
}

/// NaN is no smaller than anything: no trial would win, and nobody would know why.
void check_finite(double loss, const FoldJob& job, const FoldReader& reader) {
  if (std::isfinite(loss)) return;
  throw FormatError("tensor '" + std::string(reader.tensor) + "': the channels of '" +
                    std::string(job.producer) +
                    "' cannot be scaled, because the error of its outputs is not finite: its weights, or the "
                    "activations at its input, are too large or no numbers; leave this tensor as it is, or "
                    "give other texts to calibrate with");
}

}  // namespace

FoldScales search(const FoldJob& job, const Options& options, Executor& executor) {
  FoldScales result;
  result.choice = "no activations";
  if (std::none_of(job.readers.begin(), job.readers.end(), is_measured)) return result;
  const std::vector<double> a = activations(job);
  std::vector<double> u(a.size());
  double rows = 0;
  for (const FoldReader& reader : job.readers) {
    if (!is_measured(reader)) continue;
    const SampledRows sampled = sample(*reader.weights, options.rows);
    add_magnitudes(job, sampled.rows, reader.encoding->info(), u);
    rows += static_cast<double>(sampled.rows.rows * sampled.rows.cols) / static_cast<double>(job.channels);
  }
  for (double& sum : u) sum /= rows;
  std::vector<Trial> list = trials(job, options, a, u);
  for (const FoldReader& reader : job.readers) {
    if (!is_measured(reader)) continue;
    const SampledRows sampled = sample(*reader.weights, options.rows);
    const double share = static_cast<double>(reader.weights->rows()) / static_cast<double>(sampled.rows.rows);
    add_losses(job, reader, sampled.rows, share, options.loss == "gram", list, executor);
    check_finite(list.front().loss, job, reader);
  }
  const Trial* best = &list.front();
  for (const Trial& trial : list)
    if (trial.loss < best->loss) best = &trial;
  result.loss_before = list.front().loss;
  result.loss_after = best->loss;
  result.choice = best->choice;
  if (best != &list.front()) result.scales = best->channels;
  return result;
}

std::uint64_t search_bytes(const Options& options, std::int64_t rows, std::int64_t cols) {
  std::int64_t count = 1;
  for (const bool duo : {false, true}) count += has_trials(options, duo) ? options.grid : 0;
  return static_cast<std::uint64_t>((sampled(rows, options.rows) + 2 * count) * cols) * sizeof(float);
}

// Scaled rows, their errors filled up to whole groups, and their codes.
std::uint64_t trial_bytes(const Encoding& encoding, std::int64_t cols) {
  return static_cast<std::uint64_t>(kRowsAtOnce) *
         (2 * static_cast<std::uint64_t>(cols) * sizeof(float) + encoding.row_bytes(cols));
}

}  // namespace pq::awq
