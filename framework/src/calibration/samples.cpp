#include "calibration/samples.hpp"

#include "calibration/source_cutter.hpp"
#include "tokenizer/sha256.hpp"

#include <polyquant/base/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

namespace pq {
namespace {

void check(const SampleOptions& options) {
  if (options.sources.empty())
    throw ConfigError("there is no calibration data; give a file or folder of texts");
  if (options.samples < 1 || options.length < 1)
    throw ConfigError(fmt::format("calibration needs at least one sample of one token, got {} of {}",
                                  options.samples, options.length));
  for (const SampleSource& source : options.sources)
    if (!(source.weight > 0) || source.weight > 1e9)
      throw ConfigError(
          fmt::format("{}: the weight {} is not between 0 and 1e9", source.path.string(), source.weight));
}

/// How many samples each source gives: its share, and what others lack.
std::vector<std::int64_t> quotas(const SampleOptions& options, std::vector<SourceCutter>& cutters) {
  std::vector<std::int64_t> counts(cutters.size(), 0);
  std::vector<bool> exhausted(cutters.size(), false);
  for (std::int64_t missing = options.samples; missing > 0;) {
    std::vector<double> weights;
    for (std::size_t i = 0; i < cutters.size(); ++i)
      weights.push_back(exhausted[i] ? 0.0 : options.sources[i].weight);
    if (std::all_of(weights.begin(), weights.end(), [](double w) { return w == 0.0; })) break;
    const auto more = shares(missing, weights);
    for (std::size_t i = 0; i < cutters.size(); ++i) {
      const std::int64_t wanted = counts[i] + more[i];
      cutters[i].read_until(wanted);
      exhausted[i] = exhausted[i] || cutters[i].available() < wanted;
      const std::int64_t now = std::min(wanted, cutters[i].available());
      missing -= now - counts[i];
      counts[i] = now;
    }
  }
  return counts;
}

std::string hash_of(const std::vector<Sample>& samples) {
  std::vector<std::byte> bytes;
  for (const Sample& sample : samples)
    for (const std::int32_t id : sample.tokens)
      for (int shift = 0; shift < 32; shift += 8)
        bytes.push_back(static_cast<std::byte>(static_cast<std::uint32_t>(id) >> shift & 0xff));
  return sha256_hex(bytes);
}

std::string names_of(const std::vector<SourceUse>& sources) {
  std::string names;
  for (const SourceUse& use : sources) names += (names.empty() ? "" : ", ") + use.path.string();
  return names;
}

void report_shortage(const SampleOptions& options, SampleSet& set) {
  const auto found = static_cast<std::int64_t>(set.samples.size());
  std::int64_t tokens = 0;
  for (const SourceUse& use : set.sources) tokens += use.tokens_read;
  if (found == 0)
    throw ConfigError(
        fmt::format("{}: the calibration data has {} tokens, too few for one sample of {}; give more text or "
                    "a smaller length",
                    names_of(set.sources), tokens, options.length));
  if (found < options.samples)
    set.warnings.push_back(
        fmt::format("the calibration data of {} tokens gives only {} of {} samples of {} tokens", tokens,
                    found, options.samples, options.length));
  for (const SourceUse& use : set.sources)
    if (use.samples == 0 && use.tokens_read > 0)
      set.warnings.push_back(
          fmt::format("no sample of the calibration comes from {}: its {} tokens do not make one of {}",
                      use.path.string(), use.tokens_read, options.length));
}

}  // namespace

std::int64_t SampleSet::tokens() const {
  std::int64_t sum = 0;
  for (const SourceUse& use : sources) sum += use.tokens;
  return sum;
}

std::vector<std::int64_t> shares(std::int64_t total, std::span<const double> weights) {
  const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
  std::vector<std::int64_t> counts;
  std::vector<std::size_t> order;
  std::vector<double> rest;
  std::int64_t given = 0;
  for (const double weight : weights) {
    const double exact = static_cast<double>(total) * weight / sum;
    counts.push_back(static_cast<std::int64_t>(exact));
    rest.push_back(weight > 0 ? exact - static_cast<double>(counts.back()) : -1.0);
    order.push_back(order.size());
    given += counts.back();
  }
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return rest[a] > rest[b]; });
  for (std::size_t i = 0; given < total; i = (i + 1) % order.size(), ++given) ++counts[order[i]];
  return counts;
}

SampleSet cut_samples(const SampleOptions& options, const DocumentEncoder& encoder) {
  check(options);
  std::vector<SourceCutter> cutters;
  cutters.reserve(options.sources.size());
  for (std::size_t i = 0; i < options.sources.size(); ++i) cutters.emplace_back(options, i, encoder);
  const std::vector<std::int64_t> counts = quotas(options, cutters);
  SampleSet set;
  const std::int32_t bos = options.pack && encoder.bos ? encoder.bos(set.warnings) : -1;
  for (std::size_t i = 0; i < cutters.size(); ++i) cutters[i].take(counts[i], bos, set);
  report_shortage(options, set);
  set.hash = hash_of(set.samples);
  return set;
}

}  // namespace pq
