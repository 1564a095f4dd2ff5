// A tensor in an encoding whose rows may share something, and its rows as the encoding's own search makes them.
#pragma once

#include <polyquant/quantizer.hpp>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace pq {

/// The encoding of one tensor, bound to what suits all of its rows if they share anything.
class TensorEncoding {
 public:
  explicit TensorEncoding(const QuantJob& job) : TensorEncoding(job, job.statistics.importance) {}
  /// `importance`: of the columns, for what the rows share.
  TensorEncoding(const QuantJob& job, std::span<const float> importance) : plain_(job.encoding) {
    if (plain_->shared_bytes(job.cols) == 0) return;
    shared_ = plain_->survey(*job.weights, importance);
    bound_ = plain_->bind(shared_, job.cols);
  }
  TensorEncoding(TensorEncoding&&) = default;
  TensorEncoding(const TensorEncoding&) = delete;  // the bound encoding may look at the shared bytes
  TensorEncoding& operator=(TensorEncoding&&) = default;
  TensorEncoding& operator=(const TensorEncoding&) = delete;
  /// Stays where it is when this is moved.
  const Encoding& get() const { return bound_ != nullptr ? *bound_ : *plain_; }
  Bytes shared() const { return shared_; }

 private:
  const Encoding* plain_;
  std::vector<std::byte> shared_;
  std::shared_ptr<const Encoding> bound_;
};

/// Every row is encoded on its own, weighted with the importance of the columns if there is any. Encoders have a result for any input, and a run
/// refuses weights that are not finite: nothing is left to report but `warning`, if it is not empty.
class PlainTensor final : public TensorQuantizer {
 public:
  PlainTensor(TensorEncoding encoding, const QuantJob& job, std::string warning = {})
      : encoding_(std::move(encoding)),
        encoder_(encoding_.get().encoder({job.cols, job.statistics.importance, job.effort})),
        warning_(std::move(warning)) {}
  Bytes shared() const override { return encoding_.shared(); }
  void quantize(ConstMatrix rows, std::int64_t, MutableBytes out, QuantReport& report) const override {
    if (!warning_.empty()) report.warnings.push_back(warning_);
    encoder_->encode(rows, out);
  }

 private:
  TensorEncoding encoding_;
  std::unique_ptr<RowEncoder> encoder_;
  std::string warning_;
};

}  // namespace pq
