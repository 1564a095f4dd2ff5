// AWQ: channels with large activations get larger weights, which lose less when they are rounded (Lin et al., 2023).
#include "clip.hpp"
#include "search.hpp"

#include <polyquant/codec/plain_tensor.hpp>
#include <polyquant/plugin.hpp>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace {

/// Whether weights of such an encoding are clipped: 16 bits and more lose nothing, and where rows share something blocks are not columns side by side.
bool can_clip(const pq::Encoding& encoding, std::int64_t cols) {
  return encoding.shared_bytes(cols) == 0 && encoding.info().grid.has_codes();
}

/// Every row is encoded on its own by the encoding's own search, with the importance of the columns, and clipped before.
class ClippedTensor final : public pq::TensorQuantizer {
 public:
  explicit ClippedTensor(const pq::QuantJob& job)
      : encoding_(job.encoding),
        gram_(job.statistics.gram),
        encoder_(encoding_->encoder({job.cols, job.statistics.importance, job.effort})) {}
  void quantize(pq::ConstMatrix rows, std::int64_t, pq::MutableBytes out, pq::QuantReport&) const override {
    pq::awq::encode_clipped(*encoding_, *encoder_, gram_, rows, out);
  }

 private:
  const pq::Encoding* encoding_;
  pq::ConstMatrix gram_;
  std::unique_ptr<pq::RowEncoder> encoder_;
};

class Awq final : public pq::Quantizer {
 public:
  explicit Awq(const pq::awq::Options& options = {}) : options_(options) {
    info_.fold_needs.gram = options_.loss == "gram";
    info_.needs.gram = info_.fold_needs.gram && options_.clip;
  }
  const pq::QuantizerInfo& info() const override { return info_; }
  std::optional<std::string> rejects(const pq::Encoding&) const override { return std::nullopt; }
  std::unique_ptr<pq::TensorQuantizer> prepare(const pq::QuantJob& job,
                                               const pq::RunContext&) const override {
    if (options_.clip && job.statistics.gram.data != nullptr && can_clip(*job.encoding, job.cols))
      return std::make_unique<ClippedTensor>(job);
    return std::make_unique<pq::PlainTensor>(pq::TensorEncoding(job), job);
  }
  pq::QuantMemory memory(const pq::Encoding& encoding, std::int64_t rows, std::int64_t cols) const override {
    pq::QuantMemory memory;
    memory.preparing = pq::awq::search_bytes(options_, rows, cols);
    memory.quantizing = pq::awq::trial_bytes(encoding, cols);
    if (info_.needs.gram && can_clip(encoding, cols))
      memory.quantizing = std::max(memory.quantizing, pq::awq::clipping_bytes(encoding, cols));
    return memory;
  }
  bool folds() const override { return true; }
  pq::FoldScales fold(const pq::FoldJob& job, const pq::RunContext& context) const override {
    return pq::awq::search(job, options_, context.executor);
  }

 private:
  pq::awq::Options options_;
  pq::QuantizerInfo info_{
      "awq",
      "scales channels so that those with large activations lose less, by trials with the encoding itself",
      {.importance = true},
      {true, true, true}};
};

}  // namespace

PQ_PLUGIN("awq", "1.0.0", "Scales of channels, found with the magnitudes of activations") {
  const pq::QuantizerInfo info = Awq().info();
  registry.add(
      pq::QuantizerEntry{info.id, info.summary, pq::awq::schema().table(), [](const pq::Node& options) {
                           return std::make_unique<Awq>(pq::awq::schema().parse(options, "awq"));
                         }});
}
