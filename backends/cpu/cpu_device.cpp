#include "cpu_device.hpp"

#include <polyquant/base/error.hpp>

#include <algorithm>
#include <new>
#include <string>

namespace pq::cpu {
namespace {

class CpuDevice final : public Device {
 public:
  explicit CpuDevice(Executor& executor) : info_(cpu_info()), math_(make_cpu_math(executor)) {}
  const DeviceInfo& info() const override { return info_; }
  std::unique_ptr<DeviceMatrix> allocate(std::int64_t rows, std::int64_t cols) override {
    return std::make_unique<CpuMatrix>(rows, cols);
  }
  void upload(ConstMatrix from, DeviceMatrix& to, std::int64_t first_row) override {
    copy(from, on_cpu(to).view().slice(first_row, from.rows));
  }
  void download(const DeviceMatrix& from, Matrix to, std::int64_t first_row) override {
    copy(on_cpu(from).view().slice(first_row, to.rows), to);
  }
  Matrix host_memory(DeviceMatrix& matrix) override { return on_cpu(matrix).view(); }
  MathOps& math() override { return *math_; }
  void synchronize() override {}

 private:
  static void copy(ConstMatrix from, Matrix to) {
    PQ_ASSERT(from.rows == to.rows && from.cols == to.cols, "both matrices of a copy have the same shape");
    for (std::int64_t r = 0; r < from.rows; ++r)
      std::copy(from.row(r).begin(), from.row(r).end(), to.row(r).begin());
  }

  DeviceInfo info_;
  std::unique_ptr<MathOps> math_;
};

std::vector<float> zeros(std::int64_t rows, std::int64_t cols) {
  try {
    return std::vector<float>(static_cast<std::size_t>(rows) * static_cast<std::size_t>(cols));
  } catch (const std::bad_alloc&) {
    throw ResourceError("a matrix of " + std::to_string(rows) + " x " + std::to_string(cols) +
                        " does not fit into memory");
  }
}

}  // namespace

CpuMatrix::CpuMatrix(std::int64_t rows, std::int64_t cols)
    : rows_(rows), cols_(cols), values_(zeros(rows, cols)) {}

CpuMatrix& on_cpu(DeviceMatrix& matrix) {
  auto* result = dynamic_cast<CpuMatrix*>(&matrix);
  PQ_ASSERT(result != nullptr, "the matrix belongs to the cpu backend");
  return *result;
}

const CpuMatrix& on_cpu(const DeviceMatrix& matrix) {
  const auto* result = dynamic_cast<const CpuMatrix*>(&matrix);
  PQ_ASSERT(result != nullptr, "the matrix belongs to the cpu backend");
  return *result;
}

std::unique_ptr<Device> make_cpu_device(Executor& executor) { return std::make_unique<CpuDevice>(executor); }

}  // namespace pq::cpu
