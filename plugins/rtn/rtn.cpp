// Round to nearest: every row is encoded on its own by the encoding's own search, weighted with the importance of the columns if the
// activations were measured.
#include "row_weights.hpp"

#include <polyquant/codec/plain_tensor.hpp>
#include <polyquant/plugin.hpp>

#include <memory>
#include <optional>
#include <vector>

namespace {

struct RtnOptions {
  std::string weights = "auto";
};

const pq::Schema<RtnOptions>& schema() {
  static const auto result =
      pq::Schema<RtnOptions>().field("weights", &RtnOptions::weights,
                                     "What the error of a weight counts: the importance of its column, that "
                                     "times the magnitude of the weight (several times slower), or what "
                                     "suits the encoding: magnitude for some GGUF types of few bits, "
                                     "importance for all others.",
                                     pq::one_of({"auto", "importance", "magnitude"}));
  return result;
}

/// Every row has weights of its own, so every row has an encoder of its own.
class MagnitudeTensor final : public pq::TensorQuantizer {
 public:
  explicit MagnitudeTensor(const pq::QuantJob& job) : job_(job), encoding_(job) {}
  pq::Bytes shared() const override { return encoding_.shared(); }

  void quantize(pq::ConstMatrix rows, std::int64_t, pq::MutableBytes out, pq::QuantReport&) const override {
    const std::size_t row_bytes = job_.encoding->row_bytes(job_.cols);
    std::vector<float> weights(static_cast<std::size_t>(job_.cols));
    for (std::int64_t r = 0; r < rows.rows; ++r) {
      pq::magnitude_weights(rows.row(r), job_.statistics.importance,
                            pq::mean_cols(job_.encoding->info(), job_.cols), weights);
      encoding_.get()
          .encoder({job_.cols, weights, job_.effort})
          ->encode(rows.slice(r, 1), out.subspan(static_cast<std::size_t>(r) * row_bytes, row_bytes));
    }
  }

 private:
  pq::QuantJob job_;
  pq::TensorEncoding encoding_;
};

class Rtn final : public pq::Quantizer {
 public:
  explicit Rtn(const RtnOptions& options = {}) : options_(options) {}
  const pq::QuantizerInfo& info() const override { return info_; }
  std::optional<std::string> rejects(const pq::Encoding&) const override { return std::nullopt; }
  std::unique_ptr<pq::TensorQuantizer> prepare(const pq::QuantJob& job,
                                               const pq::RunContext&) const override {
    const pq::EncodingInfo& encoding = job.encoding->info();
    const bool magnitude = options_.weights == "auto"
                               ? pq::magnitude_counts(encoding, !job.statistics.importance.empty())
                               : options_.weights == "magnitude" && encoding.uses_importance;
    if (magnitude) return std::make_unique<MagnitudeTensor>(job);
    return std::make_unique<pq::PlainTensor>(pq::TensorEncoding(job), job);
  }

 private:
  RtnOptions options_;
  pq::QuantizerInfo info_{"rtn",
                          "round to nearest with scale search, weighted by importance if there is any",
                          {true, false, false}};
};

}  // namespace

PQ_PLUGIN("rtn", "1.1.0", "Round to nearest with scale search") {
  const pq::QuantizerInfo info = Rtn().info();
  registry.add(pq::QuantizerEntry{info.id, info.summary, schema().table(), [](const pq::Node& options) {
                                    return std::make_unique<Rtn>(schema().parse(options, "rtn"));
                                  }});
}
