// gptq for one tensor.
#pragma once

#include "factor.hpp"
#include "options.hpp"

#include <polyquant/quantizer.hpp>

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

namespace pq::gptq {

/// Factors that are in use, so that the tensors of a site share theirs. It keeps none alive but the last, which the next tensor likely needs.
class FactorCache {
 public:
  std::shared_ptr<const Factor> get(const QuantJob& job, const Cut& cut, double damping, Executor& executor);

 private:
  struct Entry {
    std::uint64_t hash;  // of the matrix
    Cut cut;
    std::weak_ptr<const Factor> factor;
  };
  std::mutex mutex_;
  std::vector<Entry> known_;
  std::shared_ptr<const Factor> last_;
};

/// What a tensor of this size takes.
QuantMemory memory_of(const Encoding& encoding, std::int64_t rows, std::int64_t cols, const Options& options);

/// Numbers of 16 bits and more need no error feedback.
bool is_rounded_plainly(const EncodingInfo& encoding);

std::unique_ptr<TensorQuantizer> make_tensor(const QuantJob& job, const Options& options, FactorCache& cache,
                                             Executor& executor);

}  // namespace pq::gptq
