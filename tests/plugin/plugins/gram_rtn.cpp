// A quantizer that wants X^T X and takes its diagonal as the importance of columns: what a run has to bring to methods with error feedback.
#include <polyquant/base/error.hpp>
#include <polyquant/plugin.hpp>

#include <cmath>
#include <memory>
#include <string>
#include <vector>

namespace {

class GramTensor final : public pq::TensorQuantizer {
 public:
  explicit GramTensor(const pq::QuantJob& job) {
    const pq::SiteStatistics& measured = job.statistics;
    std::vector<float> diagonal(measured.gram.data == nullptr ? 0 : static_cast<std::size_t>(job.cols));
    for (std::size_t c = 0; c < diagonal.size(); ++c)
      diagonal[c] = measured.gram.row(static_cast<std::int64_t>(c))[c] / static_cast<float>(measured.samples);
    for (std::size_t c = 0; c < diagonal.size(); ++c)
      if (std::abs(diagonal[c] - measured.importance[c]) > 1e-3f * measured.importance[c] + 1e-20f)
        throw pq::PluginError("gram_rtn: the diagonal of X^T X of '" + std::string(job.tensor) +
                              "' is not its sum of squares");
    if (diagonal.empty() && measured.samples > 0)
      throw pq::PluginError("gram_rtn: '" + std::string(job.tensor) + "' was measured, but has no X^T X");
    encoder_ = job.encoding->encoder({job.cols, measured.importance, job.effort});
  }
  void quantize(pq::ConstMatrix rows, std::int64_t, pq::MutableBytes out, pq::QuantReport&) const override {
    encoder_->encode(rows, out);
  }

 private:
  std::unique_ptr<pq::RowEncoder> encoder_;
};

class GramRtn final : public pq::Quantizer {
 public:
  const pq::QuantizerInfo& info() const override { return info_; }
  std::optional<std::string> rejects(const pq::Encoding&) const override { return std::nullopt; }
  std::unique_ptr<pq::TensorQuantizer> prepare(const pq::QuantJob& job,
                                               const pq::RunContext&) const override {
    return std::make_unique<GramTensor>(job);
  }

 private:
  pq::QuantizerInfo info_{"gram_rtn", "round to nearest by the diagonal of X^T X", {true, false, true}};
};

}  // namespace

PQ_PLUGIN("gram_rtn", "0.1.0", "For tests: a quantizer that wants X^T X") {
  registry.add(
      pq::QuantizerEntry{"gram_rtn", "round to nearest by the diagonal of X^T X", {}, [](const pq::Node&) {
                           return std::make_unique<GramRtn>();
                         }});
}
