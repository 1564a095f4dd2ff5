// Cuts rows into batches of kLanes blocks. Include rules as for codec/lanes-inl.hpp.

// clang-format off
#if defined(POLYQUANT_GGUF_LEGACY_ENCODE_BATCHES_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef POLYQUANT_GGUF_LEGACY_ENCODE_BATCHES_INL_HPP
#undef POLYQUANT_GGUF_LEGACY_ENCODE_BATCHES_INL_HPP
#else
#define POLYQUANT_GGUF_LEGACY_ENCODE_BATCHES_INL_HPP
#endif
// clang-format on

#include "encode_blocks-inl.hpp"
#include "simd.hpp"

#include <hwy/aligned_allocator.h>

#include <algorithm>
#include <new>
#include <numeric>

#if HWY_TARGET != HWY_SCALAR  // there the plain loops serve
HWY_BEFORE_NAMESPACE();
namespace pq::gguf::HWY_NAMESPACE {

/// Copies of blocks that do not follow each other in memory.
template <class Codec>
struct Gathered {
  HWY_ALIGN float weights[kLanes * kGroup];
  HWY_ALIGN float importance[kLanes * kGroup];
  typename Codec::Block blocks[kLanes];
};

/// Cuts rows into blocks, kLanes at a time; batches are asked for in order.
template <class Codec>
class Cutter {
 public:
  explicit Cutter(const EncodeCall& call) : call_(call) {}

  std::int64_t batches() const { return (total_ + kStep - 1) / kStep; }

  /// The next batch. What does not lie together is copied to `copy`.
  HWY_INLINE void next(Batch& batch, Gathered<Codec>& copy) {
    const bool weighted = !call_.importance.empty(), in_one_row = column_ + kStep <= per_row_;
    partial_ = first_ + kStep > total_;
    batch.weights = dense_ ? call_.rows.data + first_ * Codec::kWeights : weights(first_);
    batch.importance = weighted ? importance(first_) : nullptr;
    batch.blocks = call_.out + static_cast<std::size_t>(first_) * sizeof(typename Codec::Block);
    if (partial_ || !(dense_ || in_one_row)) {
      for (std::int64_t l = 0; l < kStep; ++l)  // the last batch is filled with copies of the last block
        std::copy_n(weights(std::min(first_ + l, total_ - 1)), kGroup,
                    copy.weights + static_cast<std::size_t>(l) * kGroup);
      batch.weights = copy.weights;
    }
    if (weighted && !in_one_row) {
      for (std::int64_t l = 0; l < kStep; ++l)
        std::copy_n(importance(first_ + l), kGroup, copy.importance + static_cast<std::size_t>(l) * kGroup);
      batch.importance = copy.importance;
    }
    if (partial_) batch.blocks = reinterpret_cast<std::byte*>(copy.blocks);
    first_ += kStep;
    for (column_ += kStep; column_ >= per_row_;) column_ -= per_row_;
  }

  /// To be called when the last batch is written: brings the blocks of an incomplete one to their place.
  void finish(const Gathered<Codec>& last) const {
    if (!partial_) return;
    const std::size_t size = sizeof(typename Codec::Block), first = static_cast<std::size_t>(first_ - kStep);
    std::memcpy(call_.out + first * size, last.blocks, (static_cast<std::size_t>(total_) - first) * size);
  }

 private:
  static constexpr std::int64_t kStep = kLanes;
  const float* weights(std::int64_t block) const {
    return call_.rows.data + block / per_row_ * call_.rows.stride + block % per_row_ * Codec::kWeights;
  }
  const float* importance(std::int64_t block) const {
    return call_.importance.data() + block % per_row_ * Codec::kWeights;
  }

  const EncodeCall& call_;
  const std::int64_t per_row_ = call_.rows.cols / Codec::kWeights, total_ = call_.rows.rows * per_row_;
  const bool dense_ = call_.rows.stride == call_.rows.cols;
  std::int64_t first_ = 0, column_ = 0;
  bool partial_ = false;
};

/// Roots of the importance for the fine search, computed once: the importance of consecutive batches repeats with the rows.
class WeightPairs {
 public:
  /// `per_row`: blocks of a row; 1 and no importance for weights that all count the same.
  WeightPairs(std::size_t per_row, std::size_t batches)
      : period_(HWY_MAX(1, HWY_MIN(per_row / std::gcd(per_row, kLanes), batches))),
        pairs_(hwy::AllocateAligned<VS>(period_ * kPairs)) {
    if (pairs_ == nullptr) throw std::bad_alloc();
  }
  /// Of the batch with this number; batches come in order. `importance`: of the batch, or null for equal weights.
  HWY_INLINE const VS* of(std::size_t batch, const float* importance) {
    VS* found = pairs_.get() + batch % period_ * kPairs;
    if (batch < period_) {
      HWY_ALIGN float w[kGroup * kLanes];
      if (importance != nullptr)
        load_groups(Groups{importance}, kGroup, w);
      else
        std::fill(std::begin(w), std::end(w), 1.0f);
      fine_weight_pairs(w, found);
    }
    return found;
  }

 private:
  std::size_t period_;
  hwy::AlignedFreeUniquePtr<VS[]> pairs_;
};

}  // namespace pq::gguf::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif

#endif
