#include "calibration/measure.hpp"

#include <polyquant/base/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace pq {
namespace {

constexpr std::int64_t kBatchRows =
    2048;  // large enough for matrix products, small enough for the caches of activations

class Collector {
 public:
  void add(const GgufMatrix& target, const Site& site, const SiteSum* sum) {
    const auto [at, fresh] = entries_.try_emplace(target.name);
    ImatrixData::Entry& entry = at->second;
    const auto cols = static_cast<std::size_t>(site.cols);
    if (fresh) {
      entry.name = target.name;
      entry.counts.resize(static_cast<std::size_t>(target.matrices));
      entry.sums.resize(entry.counts.size() * cols);
    }
    const auto matrix = static_cast<std::size_t>(target.matrix);
    if (sum == nullptr || matrix >= entry.counts.size() || entry.counts[matrix] != 0) return;
    entry.counts[matrix] = sum->rows;
    for (std::size_t c = 0; c < cols; ++c)
      entry.sums[matrix * cols + c] = static_cast<float>(sum->squares[c]);
  }

  std::vector<ImatrixData::Entry> take(std::vector<std::string>& warnings) {
    std::vector<ImatrixData::Entry> result;
    std::int64_t starved = 0, experts = 0;
    for (auto& [name, entry] : entries_) {
      const auto none = std::count(entry.counts.begin(), entry.counts.end(), 0);
      if (none == static_cast<std::ptrdiff_t>(entry.counts.size())) continue;  // never measured at all
      starved += none;
      experts += static_cast<std::int64_t>(entry.counts.size());
      result.push_back(std::move(entry));
    }
    if (starved > 0)
      warnings.push_back(fmt::format(
          "{} of {} matrices were never reached by a token (experts that no sample chose); they are "
          "quantized without importance unless there is more calibration data",
          starved, experts));
    return result;
  }

 private:
  std::map<std::string, ImatrixData::Entry> entries_;
};

}  // namespace

SiteSums measure_sites(ForwardPass& pass, Device& device, const SampleSet& samples, bool with_output,
                       const LayerProgress& progress) {
  std::vector<std::vector<std::int32_t>> texts;
  for (const Sample& sample : samples.samples) texts.push_back(sample.tokens);
  const std::vector<Batch> batches = make_batches(texts, kBatchRows);
  const auto store = memory_store(samples.tokens(), pass.model().hidden_cols());
  SiteSums sums(device);
  ForwardPass::Wanted wanted;
  wanted.observer = &sums;
  wanted.before = [&](int layer) { progress(layer + 1, pass.model().layers() + 1); };
  if (with_output) wanted.logits = [](std::size_t, std::int64_t, const DeviceMatrix&) {};
  pass.run(batches, *store, wanted);
  return sums;
}

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
