// The processor as a device: matrices are plain memory, loops run on the executor.
#pragma once

#include <polyquant/backend.hpp>

#include <memory>
#include <vector>

namespace pq::cpu {

class CpuMatrix final : public DeviceMatrix {
 public:
  CpuMatrix(std::int64_t rows, std::int64_t cols);
  std::int64_t rows() const override { return rows_; }
  std::int64_t cols() const override { return cols_; }
  Matrix view() noexcept { return {values_.data(), rows_, cols_, cols_}; }
  ConstMatrix view() const noexcept { return {values_.data(), rows_, cols_, cols_}; }

 private:
  std::int64_t rows_, cols_;
  std::vector<float> values_;
};

/// The matrix behind the interface. Matrices of another backend are a defect of the caller.
CpuMatrix& on_cpu(DeviceMatrix& matrix);
const CpuMatrix& on_cpu(const DeviceMatrix& matrix);

/// Maths in blocks of fixed sizes: results do not depend on the number of threads.
std::unique_ptr<MathOps> make_cpu_math(Executor& executor);

/// Name, instruction set and memory of this machine.
DeviceInfo cpu_info();

/// The device. `executor` must outlive it.
std::unique_ptr<Device> make_cpu_device(Executor& executor);

}  // namespace pq::cpu
