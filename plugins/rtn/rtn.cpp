// Round to nearest: every row is encoded on its own by the encoding's own search, weighted with the importance of the columns if the
// activations were measured.
#include <polyquant/codec/finite.hpp>
#include <polyquant/plugin.hpp>

#include <string>

namespace {

class RtnTensor final : public pq::TensorQuantizer {
 public:
  explicit RtnTensor(const pq::QuantJob& job)
      : tensor_(job.tensor),
        encoder_(job.encoding->encoder({job.cols, job.statistics.importance, job.effort})) {}

  void quantize(pq::ConstMatrix rows, std::int64_t first_row, pq::MutableBytes out,
                pq::QuantReport& report) const override {
    for (std::int64_t r = 0; r < rows.rows; ++r) {
      if (pq::all_finite(rows.row(r))) continue;
      report.warnings.push_back(tensor_ + ": row " + std::to_string(first_row + r) + " has " +
                                std::to_string(pq::count_non_finite(rows.row(r))) +
                                " weights that are NaN or infinite");
    }
    encoder_->encode(rows, out);
  }

 private:
  std::string tensor_;
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
