#include "calibration/measure.hpp"

#include "base/freed_memory.hpp"

#include <polyquant/base/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace pq {
namespace {

class Collector {
 public:
  void add(const GgufMatrix& target, const Site& site, const SiteSum* sum) {
    const auto cols = static_cast<std::size_t>(site.cols), matrix = static_cast<std::size_t>(target.matrix);
    Measured& measured = entry_of(target, cols);
    ImatrixData::Entry& entry = measured.entry;
    measured.of_experts = measured.of_experts || site.expert >= 0;
    if (sum == nullptr || matrix >= entry.counts.size() || entry.counts[matrix] != 0) return;
    entry.counts[matrix] = sum->rows;
    for (std::size_t c = 0; c < cols; ++c)
      entry.sums[matrix * cols + c] = static_cast<float>(sum->squares[c]);
  }

  std::vector<ImatrixData::Entry> take(std::vector<std::string>& warnings) {
    std::vector<ImatrixData::Entry> result;
    Missing experts, others;
    for (auto& [name, measured] : entries_) {
      const std::vector<std::int64_t>& counts = measured.entry.counts;
      const std::int64_t none = std::count(counts.begin(), counts.end(), 0);
      if (none == static_cast<std::int64_t>(counts.size())) continue;  // never measured at all
      Missing& missing = measured.of_experts ? experts : others;
      missing.add(name, none, static_cast<std::int64_t>(counts.size()));
      result.push_back(std::move(measured.entry));
    }
    if (experts.missing > 0)
      warnings.push_back(fmt::format(
          "{} of {} matrices of experts were never reached by a token (for example some of '{}'); they are "
          "quantized without importance unless there is more calibration data",
          experts.missing, experts.all, experts.example));
    if (others.missing > 0)
      warnings.push_back(
          fmt::format("{} of {} matrices, for example some of '{}', are not read where activations are "
                      "measured; they are "
                      "quantized without importance",
                      others.missing, others.all, others.example));
    return result;
  }

 private:
  struct Measured {
    ImatrixData::Entry entry;
    bool of_experts = false;
  };
  struct Missing {
    std::int64_t missing = 0, all = 0;
    std::string example;
    void add(const std::string& name, std::int64_t none, std::int64_t matrices) {
      if (missing == 0 && none > 0) example = name;
      missing += none;
      all += matrices;
    }
  };

  Measured& entry_of(const GgufMatrix& target, std::size_t cols) {
    const auto [at, fresh] = entries_.try_emplace(target.name);
    ImatrixData::Entry& entry = at->second.entry;
    if (!fresh) return at->second;
    entry.name = target.name;
    entry.counts.resize(static_cast<std::size_t>(target.matrices));
    entry.sums.resize(entry.counts.size() * cols);
    return at->second;
  }

  std::map<std::string, Measured> entries_;
};

}  // namespace

SiteSums measure_sites(ForwardPass& pass, Device& device, const SampleSet& samples,
                       const MeasureOptions& options) {
  std::vector<std::vector<std::int32_t>> texts;
  for (const Sample& sample : samples.samples) texts.push_back(sample.tokens);
  const std::vector<Batch> batches = make_batches(texts, kMeasureRows);
  const auto store =
      hidden_store(samples.tokens(), pass.model().hidden_cols(), options.hidden_bytes, options.scratch);
  SiteSums sums(device, options.needs);
  ForwardPass::Wanted wanted;
  wanted.observer = &sums;
  wanted.layers = options.layers;
  const int layers = options.layers < 0 ? pass.model().layers() : options.layers;
  wanted.before = [&, layers](int stage) {
    if (options.layer_done && !options.twice && stage > 0) options.layer_done(stage - 1, sums);
    give_back_freed_memory();
    if (options.progress) options.progress(stage + 1, layers + 1);
  };
  if (options.twice) wanted.between = [&](int layer) { options.layer_done(layer, sums); };
  wanted.head_sites = options.with_output;
  pass.run(batches, *store, wanted);
  return sums;
}

StatisticsNeeded importance_only(const Site&) { return {.importance = true}; }

ImatrixData imatrix_of(const ForwardModel& model, const GgufMatrices& names, const SiteSums& sums,
                       const SampleSet& samples, std::int64_t length, std::vector<std::string>& warnings) {
  Collector collector;
  std::vector<std::string> unnamed;
  for (const auto& site : model.sites()) {
    const SiteSum* sum = sums.find(*site);
    for (const WeightSlice& reader : site->readers) {
      const std::vector<GgufMatrix> targets = names.of(*model.view(), reader);
      if (targets.empty() && sum != nullptr) unnamed.push_back(model.view()->tensors[reader.tensor].name);
      for (const GgufMatrix& target : targets) collector.add(target, *site, sum);
    }
  }
  if (!unnamed.empty())
    warnings.push_back(fmt::format(
        "{} matrices have no name in GGUF for their input, so they get no entry; for example '{}'",
        unnamed.size(), unnamed.front()));
  ImatrixData data;
  data.entries = collector.take(warnings);
  for (const SourceUse& use : samples.sources) data.datasets.push_back(use.path.string());
  data.chunk_count = static_cast<std::uint32_t>(samples.samples.size());
  data.chunk_size = static_cast<std::uint32_t>(length);
  return data;
}

}  // namespace pq
