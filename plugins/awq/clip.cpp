#include "clip.hpp"

#include "square.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

namespace pq::awq {
namespace {

constexpr std::size_t kShares = 10;
constexpr float kShareStep = 0.05f;
constexpr std::int64_t kRowsAtOnce = 16;
constexpr int kSweeps = 2;  // over the blocks of a row

/// Of a row of weights: groups share a scale, blocks are encoded without regard to others.
struct Widths {
  Widths(const EncodingInfo& info, std::int64_t cols) {
    const auto all = static_cast<std::size_t>(cols), stored = static_cast<std::size_t>(info.block_cols);
    const int own = info.grid.group_cols;
    group = own > 0 ? static_cast<std::size_t>(own) : own < 0 ? all : stored;
    block = std::max(group, stored);
  }
  std::size_t group, block;
};

/// Rows that are tried together.
class Tile {
 public:
  Tile(const Encoding& encoding, const RowEncoder& encoder, ConstMatrix gram, ConstMatrix rows)
      : encoding_(encoding),
        encoder_(encoder),
        gram_(gram),
        rows_(rows),
        widths_(encoding.info(), rows.cols),
        cols_(static_cast<std::size_t>(rows.cols)),
        count_(static_cast<std::size_t>(rows.rows)),
        blocks_((cols_ + widths_.block - 1) / widths_.block),
        encoded_(encoding.row_bytes(rows.cols) * count_),
        errors_(kShares, std::vector<float>(count_ * cols_)),
        own_(kShares * blocks_ * count_),
        chosen_(blocks_ * count_),
        now_(count_ * cols_) {
    for (std::size_t s = 0; s < kShares; ++s) try_share(s);
    now_ = errors_.front();
  }

  /// With what the other blocks of the row leave.
  void choose() {
    std::vector<float> others(count_ * widths_.block);
    for (std::size_t b = 0; b < blocks_; ++b) {
      const std::size_t begin = b * widths_.block, width = width_of(b);
      for (std::size_t r = 0; r < count_; ++r) std::fill_n(now_.begin() + offset(r, begin), width, 0.0f);
      multiply(matrix(now_, 0, cols_), columns_of_gram(begin, width, 0, cols_),
               {others.data(), rows_.rows, wide(width), wide(width)});
      choose_block(b, others);
    }
  }
  void write(MutableBytes out) {
    std::vector<float> clipped(count_ * cols_);
    for (std::size_t r = 0; r < count_; ++r)
      for (std::size_t b = 0; b < blocks_; ++b) clip(r, b, chosen_[b * count_ + r], clipped);
    encoder_.encode({clipped.data(), rows_.rows, rows_.cols, rows_.cols}, out);
  }

 private:
  static std::int64_t wide(std::size_t n) { return static_cast<std::int64_t>(n); }
  std::ptrdiff_t offset(std::size_t row, std::size_t col) const {
    return static_cast<std::ptrdiff_t>(row * cols_ + col);
  }
  std::size_t width_of(std::size_t b) const { return std::min(widths_.block, cols_ - b * widths_.block); }
  ConstMatrix matrix(const std::vector<float>& values, std::size_t begin, std::size_t width) const {
    return {values.data() + begin, rows_.rows, wide(width), rows_.cols};
  }
  ConstMatrix columns_of_gram(std::size_t begin, std::size_t width, std::size_t from,
                              std::size_t height) const {
    return {gram_.data + static_cast<std::ptrdiff_t>(from) * gram_.stride + begin, wide(height), wide(width),
            gram_.stride};
  }

  void clip(std::size_t r, std::size_t b, std::size_t share, std::vector<float>& out) const {
    const auto row = rows_.row(wide(r));
    const std::size_t begin = b * widths_.block, end = begin + width_of(b);
    for (std::size_t g = begin; g < end; g += widths_.group) {
      const std::size_t stop = std::min(g + widths_.group, end);
      float largest = 0;
      for (std::size_t c = g; c < stop; ++c) largest = std::max(largest, std::abs(row[c]));
      const float bound = largest * (1 - kShareStep * static_cast<float>(share));
      for (std::size_t c = g; c < stop; ++c)
        out[r * cols_ + c] = share == 0 ? row[c] : std::clamp(row[c], -bound, bound);
    }
  }

  void try_share(std::size_t share) {
    std::vector<float>& error = errors_[share];
    for (std::size_t r = 0; r < count_; ++r)
      for (std::size_t b = 0; b < blocks_; ++b) clip(r, b, share, error);
    const Matrix all{error.data(), rows_.rows, rows_.cols, rows_.cols};
    encoder_.encode(all, encoded_);
    encoding_.decode(encoded_, all);
    for (std::size_t r = 0; r < count_; ++r)
      for (std::size_t c = 0; c < cols_; ++c) error[r * cols_ + c] -= rows_.row(wide(r))[c];
    std::vector<float> products(count_ * widths_.block);
    for (std::size_t b = 0; b < blocks_; ++b) {
      const std::size_t begin = b * widths_.block, width = width_of(b);
      multiply(matrix(error, begin, width), columns_of_gram(begin, width, begin, width),
               {products.data(), rows_.rows, wide(width), wide(width)});
      for (std::size_t r = 0; r < count_; ++r)
        own_[(share * blocks_ + b) * count_ + r] = dot(error, r, begin, products, width);
    }
  }

  double dot(const std::vector<float>& error, std::size_t r, std::size_t begin,
             const std::vector<float>& other, std::size_t width) const {
    double sum = 0;
    for (std::size_t c = 0; c < width; ++c)
      sum += double{error[r * cols_ + begin + c]} * other[r * width + c];
    return sum;
  }

  void choose_block(std::size_t b, const std::vector<float>& others) {
    const std::size_t begin = b * widths_.block, width = width_of(b);
    for (std::size_t r = 0; r < count_; ++r) {
      double least = 0;
      std::size_t best = 0;
      for (std::size_t s = 0; s < kShares; ++s) {
        const double loss =
            own_[(s * blocks_ + b) * count_ + r] + 2 * dot(errors_[s], r, begin, others, width);
        if (s == 0 || loss < least) least = loss, best = s;
      }
      chosen_[b * count_ + r] = best;
      std::copy_n(errors_[best].begin() + offset(r, begin), width, now_.begin() + offset(r, begin));
    }
  }

  const Encoding& encoding_;
  const RowEncoder& encoder_;
  ConstMatrix gram_, rows_;
  Widths widths_;
  std::size_t cols_, count_, blocks_;
  std::vector<std::byte> encoded_;
  std::vector<std::vector<float>> errors_;  // by share: Q(clipped w) - w
  std::vector<double> own_;                 // by share, block and row: the loss of a block alone
  std::vector<std::size_t> chosen_;         // by block and row
  std::vector<float> now_;                  // the errors of what is chosen
};

}  // namespace

void encode_clipped(const Encoding& encoding, const RowEncoder& encoder, ConstMatrix gram, ConstMatrix rows,
                    MutableBytes out) {
  const std::size_t row_bytes = encoding.row_bytes(rows.cols);
  for (std::int64_t first = 0; first < rows.rows; first += kRowsAtOnce) {
    const std::int64_t count = std::min(kRowsAtOnce, rows.rows - first);
    Tile tile(encoding, encoder, gram, rows.slice(first, count));
    for (int sweep = 0; sweep < kSweeps; ++sweep) tile.choose();
    tile.write(out.subspan(row_bytes * static_cast<std::size_t>(first),
                           row_bytes * static_cast<std::size_t>(count)));
  }
}

std::uint64_t clipping_bytes(const Encoding& encoding, std::int64_t cols) {
  const Widths widths(encoding.info(), cols);
  const auto all = static_cast<std::uint64_t>(cols), blocks = all / widths.block + 1;
  const std::uint64_t floats =
      (kShares + 4) * all;  // errors; those of the choice, two copies of them for products, clipped weights
  return static_cast<std::uint64_t>(kRowsAtOnce) *
         (floats * sizeof(float) + encoding.row_bytes(cols) + blocks * (kShares + 1) * sizeof(double));
}

}  // namespace pq::awq
