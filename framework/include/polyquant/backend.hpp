// A backend: the device on which heavy maths runs.
#pragma once

#include <polyquant/base/bytes.hpp>
#include <polyquant/base/executor.hpp>
#include <polyquant/base/matrix.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace pq {

struct DeviceInfo {
  int index = 0;
  std::string name;    // "AMD EPYC 7B13, AVX2"
  std::string target;  // instruction set or compute capability in use: "AVX2", "sm_90"
  std::uint64_t memory_bytes = 0;
};

struct BackendInfo {
  std::string id;       // "cpu"
  std::string summary;  // one line
};

/// An f32 matrix on a device, rows without gaps.
class DeviceMatrix {
 public:
  virtual ~DeviceMatrix() = default;
  virtual std::int64_t rows() const = 0;
  virtual std::int64_t cols() const = 0;
};

/// Dense maths on one device. Calls enqueue; results stay on the device until download(). One caller at a time.
class MathOps {
 public:
  virtual ~MathOps() = default;
  /// c = alpha * op(a) * op(b) + beta * c, op = transpose if asked.
  virtual void gemm(const DeviceMatrix& a, bool transpose_a, const DeviceMatrix& b, bool transpose_b,
                    DeviceMatrix& c, float alpha, float beta) = 0;
  /// h += x^T x; h is [cols, cols] and symmetric. Rows of x are summed in order, so the result does not depend on the thread count.
  virtual void accumulate_gram(const DeviceMatrix& x, DeviceMatrix& h) = 0;
  /// Upper-triangular U with U^T U = h^-1 (what GPTQ needs); false if h is not positive definite.
  virtual bool cholesky_inverse_upper(const DeviceMatrix& h, DeviceMatrix& u) = 0;
};

/// An open device. One caller at a time.
class Device {
 public:
  virtual ~Device() = default;
  virtual const DeviceInfo& info() const = 0;
  virtual std::unique_ptr<DeviceMatrix> allocate(
      std::int64_t rows, std::int64_t cols) = 0;  // zero-filled; ResourceError if it does not fit
  virtual void upload(ConstMatrix from, DeviceMatrix& to) = 0;
  virtual void download(const DeviceMatrix& from, Matrix to) = 0;
  virtual MathOps& math() = 0;
  virtual void synchronize() = 0;
};

class Backend {
 public:
  virtual ~Backend() = default;
  virtual const BackendInfo& info() const = 0;
  /// The devices that work here; empty = this backend cannot run on this machine. Never throws for a missing device or driver.
  virtual std::vector<DeviceInfo> devices() const = 0;
  /// Opens one of devices(). Throws ResourceError if it has gone. `executor` must outlive the device.
  virtual std::unique_ptr<Device> open(int index, Executor& executor) const = 0;
};

class Encoding;
struct EncodeRequest;

/// Encodes and decodes rows of one encoding on one backend's device; gives exactly the bytes and values of the CPU reference.
class DeviceCodec {
 public:
  virtual ~DeviceCodec() = default;
  /// Encodes the rows of `weights`; same bytes as the encoding's own encoder.
  virtual void encode(Device& device, const Encoding& encoding, const EncodeRequest& request,
                      const DeviceMatrix& weights, MutableBytes out) const = 0;
  virtual void decode(Device& device, const Encoding& encoding, Bytes rows, DeviceMatrix& out) const = 0;
};

}  // namespace pq
