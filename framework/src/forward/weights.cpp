#include "forward/weights.hpp"

#include <algorithm>

namespace pq {
namespace {

constexpr std::int64_t kPieceWeights = 1 << 16;  // decoded at a time by one thread

// Rows of one matrix of the tensor.
std::int64_t matrix_rows(const ViewTensor& tensor, const WeightSlice& slice) {
  return slice.transposed ? slice.in : tensor.shape.size() < 2 ? 1 : tensor.shape[tensor.shape.size() - 2];
}

std::uint64_t bytes_of(const DeviceMatrix& matrix) {
  return static_cast<std::uint64_t>(matrix.rows() * matrix.cols()) * sizeof(float);
}

}  // namespace

void WeightCache::read_rows(const WeightSlice& slice, Matrix out) const {
  const std::int64_t stored = matrix_rows(source_.view().tensors[slice.tensor], slice);
  const std::int64_t piece = std::max<std::int64_t>(1, kPieceWeights / std::max<std::int64_t>(1, slice.in));
  executor_.for_ranges(slice.out, piece, [&](std::int64_t begin, std::int64_t end) {
    std::vector<std::byte> scratch;
    for (std::int64_t row = begin; row < end;) {
      const std::int64_t first = slice.source_row(row, stored);
      std::int64_t count = 1;
      while (row + count < end && slice.source_row(row + count, stored) == first + count) ++count;
      source_.read(slice.tensor, slice.matrix * stored + first, out.slice(row, count), scratch);
      source_.release(slice.tensor, slice.matrix * stored + first, count);
      row += count;
    }
  });
}

// Row by row would read the whole matrix for every row.
void WeightCache::read_transposed(const WeightSlice& slice, Matrix out) const {
  const ViewTensor& tensor = source_.view().tensors[slice.tensor];
  const std::int64_t height = matrix_rows(tensor, slice), width = cols(tensor.shape);
  std::vector<float> whole(static_cast<std::size_t>(height * width));
  std::vector<std::byte> scratch;
  source_.read(slice.tensor, slice.matrix * height, Matrix{whole.data(), height, width, width}, scratch);
  const std::int64_t stored = slice.transposed ? width : height;
  for (std::int64_t r = 0; r < slice.out; ++r) {
    const std::int64_t row = slice.source_row(r, stored);
    const float* from = whole.data() + (slice.transposed ? row : row * width);
    for (std::int64_t c = 0; c < slice.in; ++c)
      out.data[r * out.stride + c] = from[slice.transposed ? c * width : c];
  }
}

std::unique_ptr<DeviceMatrix> WeightCache::load(const WeightSlice& slice) const {
  auto matrix = device_.allocate(slice.out, slice.in);
  Matrix memory = device_.host_memory(*matrix);
  std::vector<float> staged;
  const bool direct = memory.data != nullptr;
  if (!direct) {
    staged.resize(static_cast<std::size_t>(slice.out * slice.in));
    memory = {staged.data(), slice.out, slice.in, slice.in};
  }
  if (slice.transposed || source_.view().tensors[slice.tensor].is_transposed())
    read_transposed(slice, memory);
  else
    read_rows(slice, memory);
  const std::int64_t stored = matrix_rows(source_.view().tensors[slice.tensor], slice);
  source_.release(slice.tensor, slice.matrix * stored, stored);
  if (!direct) device_.upload(memory, *matrix, 0);
  return matrix;
}

std::shared_ptr<const DeviceMatrix> WeightCache::matrix(const WeightSlice& slice) {
  auto& matrix = matrices_[slice];
  if (matrix == nullptr) {
    matrix = load(slice);
    bytes_ += bytes_of(*matrix);
  }
  return matrix;
}

std::shared_ptr<const DeviceMatrix> WeightCache::row(const std::vector<WeightSlice>& parts) {
  auto& row = rows_[parts];
  if (row != nullptr) return row;
  std::vector<float> all;
  for (const WeightSlice& part : parts) {
    const std::vector<float> some = values(part);
    all.insert(all.end(), some.begin(), some.end());
  }
  const auto count = static_cast<std::int64_t>(all.size());
  auto matrix = device_.allocate(1, count);
  device_.upload({all.data(), 1, count, count}, *matrix, 0);
  bytes_ += bytes_of(*matrix);
  return row = std::move(matrix);
}

// One row of a stack of vectors, or a whole tensor (matrix -1), in the order of the slice.
std::vector<float> WeightCache::values(const WeightSlice& slice) const {
  const Shape& shape = source_.view().tensors[slice.tensor].shape;
  const bool is_row = slice.matrix >= 0;
  const std::int64_t width = cols(shape), height = is_row ? 1 : pq::rows(shape);
  std::vector<float> whole(static_cast<std::size_t>(height * width));
  std::vector<std::byte> scratch;
  source_.read(slice.tensor, is_row ? slice.matrix : 0, Matrix{whole.data(), height, width, width}, scratch);
  std::vector<float> picked(static_cast<std::size_t>(slice.out));
  const std::int64_t stored = height * width;
  for (std::int64_t i = 0; i < slice.out; ++i)
    picked[static_cast<std::size_t>(i)] = whole[static_cast<std::size_t>(slice.source_row(i, stored))];
  return picked;
}

std::unique_ptr<DeviceMatrix> WeightCache::rows(std::size_t tensor,
                                                std::span<const std::int32_t> rows) const {
  const Shape& shape = source_.view().tensors[tensor].shape;
  const std::int64_t width = pq::cols(shape);
  const auto count = static_cast<std::int64_t>(rows.size());
  std::vector<float> values(rows.size() * static_cast<std::size_t>(width));
  executor_.for_ranges(count, 64, [&](std::int64_t begin, std::int64_t end) {
    std::vector<std::byte> scratch;
    for (std::int64_t i = begin; i < end; ++i)
      source_.read(tensor, rows[static_cast<std::size_t>(i)],
                   Matrix{values.data() + i * width, 1, width, width}, scratch);
  });
  source_.release(tensor, 0, pq::rows(shape));  // they were anywhere in it
  auto matrix = device_.allocate(count, width);
  device_.upload({values.data(), count, width, width}, *matrix, 0);
  return matrix;
}

void WeightCache::trim() {
  if (bytes_ > kDefaultLimit) clear();
}

void WeightCache::clear() {
  matrices_.clear();
  rows_.clear();
  bytes_ = 0;
}

}  // namespace pq
