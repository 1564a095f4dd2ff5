#include "attention.hpp"

#include "kernels.hpp"
#include "products.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace pq::cpu {
namespace {

constexpr std::int64_t kQueries = 128, kKeys = 256;  // of a block; its scores are 128 KiB
constexpr float kNothing = -std::numeric_limits<float>::infinity();

// One head of one text.
struct Head {
  ConstMatrix q, k, v;
  Matrix out;
  std::int64_t index = 0;
  const AttentionOptions& options;
};

ConstMatrix columns(ConstMatrix matrix, std::int64_t first_row, std::int64_t rows, std::int64_t first,
                    std::int64_t count) {
  return {matrix.data + first_row * matrix.stride + first, rows, count, matrix.stride};
}

// Softmax along a row of scores, block by block: `top` and `sum` hold for the keys so far, and `out` is their sum of values by weights
// relative to `top`.
class QueryBlock {
 public:
  QueryBlock(const Head& head, std::int64_t first, std::int64_t count)
      : head_(head),
        position_(head.k.rows - head.q.rows + first),
        q_(head.q.slice(first, count)),
        out_(head.out.slice(first, count)),
        scores_(static_cast<std::size_t>(count * kKeys)) {
    const auto& sinks = head.options.sinks;
    // A sink is a key without a value.
    top_.assign(static_cast<std::size_t>(count),
                sinks.empty() ? kNothing : sinks[static_cast<std::size_t>(head.index)]);
    sum_.assign(static_cast<std::size_t>(count), sinks.empty() ? 0.0f : 1.0f);
    for (std::int64_t r = 0; r < count; ++r) std::fill_n(out_.row(r).begin(), out_.cols, 0.0f);
  }

  void run() {
    const std::int64_t window = head_.options.window;
    const std::int64_t oldest = window > 0 ? std::max<std::int64_t>(0, position_ - window + 1) : 0;
    const std::int64_t end = position_ + q_.rows;  // the last query sees itself
    for (std::int64_t key = oldest / kKeys * kKeys; key < end; key += kKeys)
      add_keys(key, std::min(kKeys, end - key));
    for (std::int64_t r = 0; r < q_.rows; ++r) {
      const float factor = 1.0f / sum_[static_cast<std::size_t>(r)];
      for (float& value : out_.row(r)) value *= factor;
    }
  }

 private:
  void add_keys(std::int64_t key, std::int64_t count) {
    const Matrix scores{scores_.data(), q_.rows, count, kKeys};
    multiply(q_, false, head_.k.slice(key, count), true, scores, head_.options.scale, 0);
    for (std::int64_t r = 0; r < q_.rows; ++r) weigh(r, key, scores.row(r));
    multiply(scores, false, head_.v.slice(key, count), false, out_, 1, 1);
  }

  // Scores of row r with the keys from `key` on become weights; what it does not see becomes 0.
  void weigh(std::int64_t r, std::int64_t key, std::span<float> scores) {
    const AttentionOptions& options = head_.options;
    const auto count = static_cast<std::int64_t>(scores.size());
    const std::int64_t at = position_ + r - key;  // of the query itself
    const std::int64_t begin =
        options.window > 0 ? std::clamp<std::int64_t>(at - options.window + 1, 0, count) : 0;
    const std::int64_t end = std::clamp<std::int64_t>(at + 1, 0, count);
    if (begin >= end) {
      std::fill(scores.begin(), scores.end(), 0.0f);
      return;
    }
    float* seen = scores.data() + begin;
    const auto length = static_cast<std::size_t>(end - begin);
    if (!options.slopes.empty()) {
      const float slope = options.slopes[static_cast<std::size_t>(head_.index)];
      for (std::int64_t j = begin; j < end; ++j)
        scores[static_cast<std::size_t>(j)] -= slope * static_cast<float>(at - j);
    }
    if (options.soft_cap > 0) soft_cap(seen, length, options.soft_cap);
    float& top = top_[static_cast<std::size_t>(r)];
    const float higher = std::max(top, largest(seen, length));
    const float factor = std::exp(top - higher);  // 0 for the first keys
    top = higher;
    float& sum = sum_[static_cast<std::size_t>(r)];
    sum = sum * factor + exponentials(seen, length, higher);
    std::fill(scores.begin(), scores.begin() + begin, 0.0f);
    std::fill(scores.begin() + end, scores.end(), 0.0f);
    if (factor != 1)
      for (float& value : out_.row(r)) value *= factor;
  }

  const Head& head_;
  std::int64_t position_;  // of the first query among the keys
  ConstMatrix q_;
  Matrix out_;
  std::vector<float> scores_, top_, sum_;
};

}  // namespace

void attend(ConstMatrix q, ConstMatrix k, ConstMatrix v, const AttentionOptions& options, Matrix out,
            Executor& executor) {
  const std::int64_t key_cols = q.cols / options.heads, value_cols = v.cols / options.kv_heads,
                     group = options.heads / options.kv_heads;
  for (const AttentionSpan& span : options.spans) {
    const std::int64_t blocks = (span.queries + kQueries - 1) / kQueries;
    executor.for_ranges(blocks * options.heads, 1, [&](std::int64_t task, std::int64_t) {
      const std::int64_t index = task / blocks, first = task % blocks * kQueries;
      const ConstMatrix values =
          columns(v, span.first_key, span.keys, index / group * value_cols, value_cols);
      const Matrix to{out.data + span.first_query * out.stride + index * value_cols, span.queries, value_cols,
                      out.stride};
      const Head head{columns(q, span.first_query, span.queries, index * key_cols, key_cols),
                      columns(k, span.first_key, span.keys, index / group * key_cols, key_cols),
                      values,
                      to,
                      index,
                      options};
      QueryBlock(head, first, std::min(kQueries, span.queries - first)).run();
    });
  }
}

}  // namespace pq::cpu
