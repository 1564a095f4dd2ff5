// GPTQ: columns are rounded one after the other, and those to come make up for the error in the outputs (Frantar et al., 2022).
#include "tensor.hpp"

#include <polyquant/plugin.hpp>

#include <memory>
#include <optional>
#include <string>

namespace {

class Gptq final : public pq::Quantizer {
 public:
  explicit Gptq(pq::gptq::Options options = {}) : options_(std::move(options)) {}
  const pq::QuantizerInfo& info() const override { return info_; }
  std::optional<std::string> rejects(const pq::Encoding& encoding) const override {
    const auto codec = encoding.column_codec(1, encoding.info().block_cols, pq::Effort::fast);
    if (codec == nullptr)
      return "gptq cannot use " + encoding.info().spec +
             ": it has no column codec; choose the quantizer rtn or awq, or another encoding";
    if (pq::gptq::is_rounded_plainly(encoding.info())) return std::nullopt;
    const auto problem = options_.problem(*codec);
    if (!problem) return std::nullopt;
    return "gptq cannot use " + encoding.info().spec + " with " + *problem;
  }
  std::unique_ptr<pq::TensorQuantizer> prepare(const pq::QuantJob& job,
                                               const pq::RunContext& context) const override {
    return pq::gptq::make_tensor(job, options_, cache_, context.executor);
  }
  pq::QuantMemory memory(const pq::Encoding& encoding, std::int64_t rows, std::int64_t cols) const override {
    return pq::gptq::memory_of(encoding, rows, cols, options_);
  }

 private:
  pq::gptq::Options options_;
  mutable pq::gptq::FactorCache cache_;
  pq::QuantizerInfo info_{
      "gptq", "error feedback: columns to come make up for the errors of those before", {true, false, true}};
};

}  // namespace

PQ_PLUGIN("gptq", "1.0.0", "Error feedback by second moments of activations") {
  const pq::QuantizerInfo info = Gptq().info();
  registry.add(pq::QuantizerEntry{
      info.id, info.summary, pq::gptq::schema().table(),
      [](const pq::Node& options) { return std::make_unique<Gptq>(pq::gptq::parse_options(options)); }});
}
