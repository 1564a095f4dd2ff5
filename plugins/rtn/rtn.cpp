// Round to nearest: every row is encoded on its own by the encoding's own search, weighted with the importance of the columns if the
// activations were measured.
#include <polyquant/plugin.hpp>

#include <memory>
#include <optional>

namespace {

class RtnTensor final : public pq::TensorQuantizer {
 public:
  explicit RtnTensor(const pq::QuantJob& job)
      : encoder_(job.encoding->encoder({job.cols, job.statistics.importance, job.effort})) {}

  // Encoders have a result for any input, and a run refuses weights that are not finite: nothing is left to report.
  void quantize(pq::ConstMatrix rows, std::int64_t, pq::MutableBytes out, pq::QuantReport&) const override {
    encoder_->encode(rows, out);
  }

 private:
  std::unique_ptr<pq::RowEncoder> encoder_;
};

class Rtn final : public pq::Quantizer {
 public:
  const pq::QuantizerInfo& info() const override { return info_; }
  std::optional<std::string> rejects(const pq::Encoding&) const override { return std::nullopt; }
  std::unique_ptr<pq::TensorQuantizer> prepare(const pq::QuantJob& job,
                                               const pq::RunContext&) const override {
    return std::make_unique<RtnTensor>(job);
  }

 private:
  pq::QuantizerInfo info_{"rtn",
                          "round to nearest with scale search, weighted by importance if there is any",
                          {true, false, false}};
};

}  // namespace

PQ_PLUGIN("rtn", "1.0.0", "Round to nearest with scale search") {
  const pq::QuantizerInfo info = Rtn().info();
  registry.add(pq::QuantizerEntry{info.id, info.summary, {}, [](const pq::Node& options) {
                                    pq::Schema<pq::NoOptions>().parse(options,
                                                                      "rtn");  // there are none: refuses any
                                    return std::make_unique<Rtn>();
                                  }});
}
